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
  'no-leader': { retryable: true, meaning: 'No leader is known at the moment.' },
  transferring: { retryable: true, meaning: 'Leadership is being handed over.' },
  'over-quota': { retryable: true, meaning: 'Too much is waiting to be committed already.' },
  'unsafe-change': {
    retryable: true,
    meaning: 'The change of configuration would not be safe now.',
  },
  'forwarding-disabled': {
    retryable: true,
    meaning: 'This member does not lead and passes nothing on.',
  },
  'not-a-voter': { retryable: false, meaning: 'Only a voter can take over leadership.' },
  'stale-term': { retryable: false, meaning: 'The term that the proposal requires has passed.' },
  removed: { retryable: false, meaning: 'This member is no longer part of the group.' },
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
 * function proposeOrWait(propose: () => void): 'proposed' | 'try later' {
 *   try {
 *     propose();
 *     return 'proposed';
 *   } catch (error) {
 *     if (error instanceof QuorateError && error.retryable) return 'try later';
 *     throw error;
 *   }
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
