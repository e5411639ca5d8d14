/**
 * Operating errors: one class, a stable `code`, and for each code a line in one table that says
 * what it means and whether trying again can help. The reference page is generated from it.
 */
export const errorCodes = {
  'invalid-config': {
    retryable: false,
    meaning: 'A setting is out of range or contradicts another.',
  },
  'malformed-message': { retryable: false, meaning: 'A message breaks the rules of its type.' },
  'unknown-sender': {
    retryable: false,
    meaning: 'A message comes from, or is meant for, another member.',
  },
  'out-of-range': { retryable: false, meaning: 'A term, index or id lies outside 0 … 2^53 − 1.' },
  'entry-too-large': {
    retryable: false,
    meaning: 'A proposal is larger than the largest entry allowed.',
  },
  'gossip-too-large': {
    retryable: false,
    meaning: 'An event, query, answer or set of tags is larger than gossip may carry.',
  },
  'gossip-overloaded': {
    retryable: true,
    meaning: 'So many events or queries wait already that one more is refused.',
  },
  'gossip-stopped': {
    retryable: false,
    meaning: 'The gossip member is leaving, has left, or had to shut down.',
  },
  'gossip-unknown': {
    retryable: false,
    meaning: 'No such member, or no query that waits for an answer.',
  },
} as const satisfies Record<string, { retryable: boolean; meaning: string }>;

/** A stable name of an operating error. */
export type ErrorCode = keyof typeof errorCodes;

/** What may be said about an error beside its code and message. */
export interface ErrorFacts {
  /** True where the operation may have taken effect although it failed. */
  readonly maybeApplied?: boolean;
  /** Facts for machines: the leader's id, the limit that was hit, an offset. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * The one class of operating errors.
 *
 * @example
 * ```ts
 * try {
 *   raft.step({ type: 'propose', entries: [{ data }] });
 * } catch (error) {
 *   if (error instanceof QuorateError && error.retryable) later();
 *   else throw error;
 * }
 * ```
 */
export class QuorateError extends Error {
  override readonly name = 'QuorateError';
  readonly code: ErrorCode;
  /** True where the same request may succeed later, unchanged. */
  readonly retryable: boolean;
  readonly maybeApplied: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.retryable = errorCodes[code].retryable;
    this.maybeApplied = facts.maybeApplied ?? false;
    this.details = facts.details ?? {};
  }
}
