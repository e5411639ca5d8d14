/**
 * Operating errors: one class, a stable `code`, and for each code a line in one table that says
 * what it means and whether trying again can help. The reference page is generated from it.
 */
import { etcdErrorCodes } from './etcd-error-codes.ts';

export const errorCodes = {
  ...etcdErrorCodes,
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
  'invalid-input': { retryable: false, meaning: 'A command was given what its schema refuses.' },
  'unknown-command': { retryable: false, meaning: 'The machine has no such command or query.' },
  'unsupported-value': {
    retryable: false,
    meaning: 'A value cannot travel: a function, an instance of a class, a circle, no proper key.',
  },
  'value-too-large': { retryable: false, meaning: 'A value takes more bytes than a value may.' },
  'read-only': {
    retryable: false,
    meaning: 'Something other than a command would change a state.',
  },
  'plain-state-too-large': {
    retryable: false,
    meaning: 'The plain values of a state are larger than they may be: collections hold more.',
  },
  'changes-compacted': {
    retryable: false,
    meaning: 'The changes behind that index are not known any more: read the state, and go on.',
  },
  'version-not-active': {
    retryable: true,
    meaning: 'The machine does not run that version yet: not all members know it.',
  },
  'machine-too-old': {
    retryable: false,
    meaning: 'The group runs a later version of the machine than this program knows.',
  },
  'machine-too-new': {
    retryable: false,
    meaning: 'The group runs so early a version of the machine that this program forgot it.',
  },
  'entry-too-large': {
    retryable: false,
    meaning: 'A proposal is larger than the largest entry allowed.',
  },
  'rpc-failed': {
    retryable: false,
    meaning:
      'A remote call has ended with a status other than OK; `details.status` is that status.',
  },
  'rpc-unavailable': {
    retryable: true,
    meaning: 'A remote call has ended as unavailable: nobody serves it at the moment.',
  },
  'gossip-values-full': {
    retryable: true,
    meaning: 'The shared values are at their limit of entries or bytes; deleting makes room.',
  },
  'gossip-value-too-large': {
    retryable: false,
    meaning: 'A shared value is larger than one value may be.',
  },
  'gossip-snapshot-damaged': {
    retryable: false,
    meaning: 'The file from which an agent would rejoin is damaged, or of another kind.',
  },
  'gossip-join-failed': {
    retryable: true,
    meaning: 'None of the addresses given could be joined.',
  },
  'gossip-name-conflict': {
    retryable: false,
    meaning: 'Another member has this name, and the majority knows that one: this agent stopped.',
  },
  'insecure-listener': {
    retryable: false,
    meaning: 'An address beyond loopback without encryption, which strict security refuses.',
  },
  'gossip-slow-consumer': {
    retryable: true,
    meaning: 'A reader of changes, events or answers fell too far behind, and was cut off.',
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
  'leadership-lost': {
    retryable: true,
    meaning: 'The leader was replaced before the proposal could be committed.',
  },
  timeout: { retryable: true, meaning: 'There was no answer before the deadline.' },
  'name-taken': { retryable: false, meaning: 'Another member has that name.' },
  'unknown-member': {
    retryable: true,
    meaning: 'There is no member of that id, as far as is known.',
  },
  'connection-lost': {
    retryable: true,
    meaning: 'The link to another member broke, or fell silent; whether it acted is unknown.',
  },
  unreachable: { retryable: true, meaning: 'There is no link to that member at present.' },
  'too-many-calls': {
    retryable: true,
    meaning: 'As many questions wait for an answer, or bytes for their way, as may.',
  },
  'message-too-large': {
    retryable: false,
    meaning: 'A message between members is larger than their largest frame.',
  },
  'peer-failed': {
    retryable: false,
    meaning: 'Another member, of a later version, failed for a reason that this one does not know.',
  },
  'wrong-cluster': { retryable: false, meaning: 'The other side belongs to another cluster.' },
  'wrong-member': {
    retryable: false,
    meaning: 'Another member answered than was meant, or its certificate does not name it.',
  },
  'removed-member': {
    retryable: false,
    meaning: 'A member that was removed from the cluster wants to take part.',
  },
  'wrong-secret': {
    retryable: false,
    meaning: 'The other side does not know the join secret, or only one side has one.',
  },
  'version-mismatch': {
    retryable: false,
    meaning: 'Two members have no version of the protocol in common.',
  },
  'unknown-group': { retryable: false, meaning: 'There is no group of that id or name.' },
  'wrong-incarnation': {
    retryable: false,
    meaning:
      'A member came back with another directory than the cluster knows; remove and re-add it.',
  },
  'group-open': { retryable: false, meaning: 'The group is open in this member already.' },
  closing: { retryable: true, meaning: 'The member is closing, or has closed.' },
  'snapshot-damaged': {
    retryable: false,
    meaning: 'A snapshot on disk, or on its way, is not whole.',
  },
  'backup-damaged': {
    retryable: false,
    meaning: 'A backup is not whole, or not what was written; nothing was restored of it.',
  },
  'wrong-machine': {
    retryable: false,
    meaning: 'A state is that of another machine: its parts, or their kinds, are others.',
  },
  'group-exists': {
    retryable: false,
    meaning: 'There is a group of that name: a backup is restored into a new one only.',
  },
  'restore-unfinished': {
    retryable: false,
    meaning: 'The restoring of a group was broken off: delete the group, and restore it again.',
  },
  'unknown-transfer': { retryable: true, meaning: 'The transfer of a snapshot has to begin anew.' },
  'not-a-member': { retryable: false, meaning: 'The directory holds no member.' },
  'replica-diverged': {
    retryable: false,
    meaning:
      'The state of a group on this member is not what the others have; start it with `repair`.',
  },
  'machine-failed': {
    retryable: false,
    meaning: 'A machine broke its contract; the member stops.',
  },
  'member-failed': {
    retryable: false,
    meaning: 'An invariant did not hold; the member has stopped.',
  },
  aborted: { retryable: true, meaning: 'The caller gave up waiting.' },
  'not-a-voter': { retryable: false, meaning: 'Only a voter can take over leadership.' },
  'session-expired': {
    retryable: false,
    meaning:
      'What became of the command of that session is not remembered any more: it takes no effect.',
  },
  'answer-not-kept': {
    retryable: false,
    meaning: 'The command took effect before, but its answer could not be kept for a repetition.',
  },
  'invalid-name': {
    retryable: false,
    meaning: 'A name is empty, too long, not well-formed, or holds control characters.',
  },
  'group-deleted': {
    retryable: false,
    meaning: 'The group was deleted; its id is never used again.',
  },
  'stale-term': { retryable: false, meaning: 'The term that the proposal requires has passed.' },
  removed: { retryable: false, meaning: 'This member is no longer part of the group.' },
  'disk-failed': { retryable: false, meaning: 'The disk reported an error on reading or writing.' },
  'disk-sync-failed': {
    retryable: false,
    meaning: 'A sync failed: what the file holds on disk is unknown, and the member must stop.',
  },
  'disk-full': { retryable: true, meaning: 'There is no space left on the volume, or no quota.' },
  'short-write': {
    retryable: true,
    meaning: 'Fewer bytes were written than asked for, most likely because the disk is full.',
  },
  'file-not-found': { retryable: false, meaning: 'There is no file or directory of that name.' },
  'file-exists': {
    retryable: false,
    meaning: 'There is already a file or directory of that name.',
  },
  'file-in-use': {
    retryable: true,
    meaning: 'The file is open, and the system does not allow it.',
  },
  'file-too-large': { retryable: false, meaning: 'A file is larger than it may be.' },
  'directory-not-empty': { retryable: false, meaning: 'A directory still has something in it.' },
  'directory-locked': {
    retryable: true,
    meaning: 'Another process, or another member in this one, works in that directory.',
  },
  'permission-denied': { retryable: false, meaning: 'The system does not allow this process to.' },
  'too-many-files': {
    retryable: true,
    meaning: 'The process or the system has as many files and sockets open as it may.',
  },
  'address-in-use': { retryable: true, meaning: 'Something else listens on that address.' },
  'address-unavailable': { retryable: false, meaning: 'This machine has no such address.' },
  'name-not-resolved': {
    retryable: true,
    meaning: 'The name of a host has no address at present.',
  },
  'host-unreachable': { retryable: true, meaning: 'There is no way to that host at present.' },
  'connection-refused': { retryable: true, meaning: 'Nothing listens at that address.' },
  'connection-reset': { retryable: true, meaning: 'The other side, or the network, broke it off.' },
  'connection-timeout': {
    retryable: true,
    meaning: 'The other side did not answer in time: it is slow, dead, or cannot be reached.',
  },
  'handshake-timeout': { retryable: true, meaning: 'A TLS handshake took too long.' },
  'tls-failed': {
    retryable: false,
    meaning: 'TLS could not be agreed on: certificate, authority, name, revocation or version.',
  },
  'too-many-connections': { retryable: true, meaning: 'A listener has as many as it may have.' },
  'send-buffer-full': {
    retryable: true,
    meaning: 'The other side reads too slowly, and more waits for it than may.',
  },
  'packet-too-large': { retryable: false, meaning: 'A packet is larger than the network carries.' },
  'store-damaged': {
    retryable: false,
    meaning: 'The ordered store on disk is not whole, or is no store.',
  },
  'log-damaged': {
    retryable: false,
    meaning:
      'Something in the log that was vouched for is not what was written. With repair, a member ' +
      'that has peers starts without it and gets it back from them.',
  },
  'vote-damaged': {
    retryable: false,
    meaning: 'The newest votes are lost: going on could mean voting twice in a term.',
  },
  'identity-damaged': {
    retryable: false,
    meaning: 'The file that says whose directory this is cannot be read.',
  },
  'quarantine-damaged': {
    retryable: false,
    meaning: 'The file that says which states are not to be trusted cannot be read.',
  },
  'wrong-directory': {
    retryable: false,
    meaning: 'A file belongs to another member, another cluster or another life of this member.',
  },
  'format-too-new': {
    retryable: false,
    meaning: 'A file was written by a newer version of this program.',
  },
  'socket-failed': { retryable: true, meaning: 'The system reported an error on a socket.' },
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
