/** What {@link file://./peers.ts Peers} tells the engine. */
import type { QuorateError } from '../../base/errors.ts';
import type { MemberId } from '../../raft/entry.ts';
import type { Message } from '../../raft/message.ts';
import type { GroupId } from '../log/log-write.ts';
import type { CallResult } from './calls.ts';

/** Who refused a link. */
export interface RefusalOrigin {
  readonly by: 'self' | 'peer';
  /**
   * The other side has shown that it knows the join secret, if there is one: only then should
   * anything be done on its word. Always true for our own refusals.
   */
  readonly proven: boolean;
}

/**
 * What comes in. A QuorateError that `message` or `call` throws closes the link by its name: for
 * what breaks the protocol, not for what merely fails.
 */
export interface PeerHandler {
  message(from: MemberId, group: GroupId, message: Message): void;
  /**
   * A question; `answer` is called once, now or later. `from` is 0 for a process that has not
   * joined. The payload is a view on what was received.
   */
  call(
    from: MemberId,
    kind: number,
    payload: Uint8Array,
    answer: (result: CallResult) => void,
  ): void;
  peerUp(peer: MemberId): void;
  /** What was sent lately may be lost. */
  peerDown(peer: MemberId): void;
  /** Messages of these groups to this peer were dropped, because too much waits for it. */
  dropped(peer: MemberId, groups: ReadonlySet<GroupId>): void;
  /** A link was refused, or found broken. `peer` is 0 where nobody has said who it is. */
  refused(peer: MemberId, error: QuorateError, origin: RefusalOrigin): void;
}

/** What is known of a peer; times are those of the ticks. */
export interface PeerStatus {
  readonly peer: MemberId;
  readonly connected: boolean;
  readonly sinceMs: number | undefined;
  readonly heardMs: number | undefined;
  /** Of the last ping: only idle links are pinged. No finer than the ticks. */
  readonly roundTripMs: number | undefined;
  /** All that was ever received, and sent. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** What waits to be sent. */
  readonly queueBytes: number;
  /** Why the last link, or attempt, failed. */
  readonly lastError: QuorateError | undefined;
}
