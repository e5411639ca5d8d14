/**
 * What a leader knows about one member's log, and how it sends to it.
 *
 * A member is *probed* with one append at a time while the leader does not know where the logs
 * match; then *replicated* to, with appends pipelined up to a window (thesis §10.2.1); and given a
 * *snapshot* when the entries that it needs are compacted away.
 *
 *     probe ──accepted──▶ replicate ──rejected or unreachable──▶ probe
 *       └─ entries are gone ─▶ snapshot ─ caught up ─▶ replicate, reported ─▶ probe
 *
 * Invariants: match < next; in `snapshot` next = pendingSnapshot + 1; commitSent < next.
 */
import { assert } from '../base/assert.ts';
import type { MemberId } from './entry.ts';
import type { Inflights } from './inflights.ts';

export type ProgressState = 'probe' | 'replicate' | 'snapshot';

export class Progress {
  readonly member: MemberId;
  state: ProgressState = 'probe';
  /** The largest index known to be durable on the member and equal to ours. */
  match: number;
  /** The index of the next entry to send; what lies between match and next is on its way. */
  next: number;
  /** The largest commit index that was sent to the member; it may have been lost. */
  commitSent = 0;
  /** In `snapshot`: the index of the snapshot on its way, else 0. */
  pendingSnapshot = 0;
  /** Set by any message of this term; cleared when check-quorum has counted (§6.2). */
  active = false;
  /** Nothing more is sent until an answer or the next heartbeat's answer arrives. */
  appendsPaused = false;
  /** The latest round of confirmation that the member has answered; it only grows. */
  roundConfirmed = 0;
  /** The member agreed to fall quiet and has heard nothing since. */
  quiet = false;
  /** The member says that it must not be counted; see suspicion.ts. */
  suspect = false;
  readonly inflights: Inflights;

  constructor(init: {
    readonly member: MemberId;
    readonly match: number;
    readonly next: number;
    readonly inflights: Inflights;
  }) {
    this.member = init.member;
    this.match = init.match;
    this.next = init.next;
    this.inflights = init.inflights;
  }

  /** What the member counts with when a quorum's logs are compared. */
  get countedMatch(): number {
    return this.suspect ? 0 : this.match;
  }

  /** Whether appends must wait; see the class for why. */
  get paused(): boolean {
    return this.state === 'snapshot' || this.appendsPaused;
  }

  becomeProbe(): void {
    // After a snapshot the member is expected to have it: probe right behind.
    const next = Math.max(this.match, this.pendingSnapshot) + 1;
    this.#enter('probe');
    this.next = next;
    this.commitSent = Math.min(this.commitSent, next - 1);
  }

  becomeReplicate(): void {
    this.#enter('replicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.#enter('snapshot');
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.commitSent = index;
  }

  #enter(state: ProgressState): void {
    this.state = state;
    this.appendsPaused = false;
    this.pendingSnapshot = 0;
    this.inflights.reset();
  }

  /** Notes that an append with `count` entries and `bytes` of payload was sent. */
  sentEntries(count: number, bytes: number): void {
    if (this.state === 'replicate') {
      if (count > 0) {
        this.next += count;
        this.inflights.add(this.next - 1, bytes);
      }
      // With a full window nothing more leaves, not even an empty append, until an answer
      // arrives or a heartbeat's answer asks for one: that is how lost windows recover.
      this.appendsPaused = this.inflights.full;
    } else {
      assert(this.state === 'probe', 'entries are sent while a snapshot is on its way');
      if (count > 0) this.appendsPaused = true;
    }
  }

  /** Whether an append sent now could teach the member a later commit index. */
  canBumpCommit(commit: number): boolean {
    return commit > this.commitSent && this.commitSent < this.next - 1;
  }

  /** Takes an accepted append; false where `index` is nothing new. */
  advance(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.appendsPaused = false;
    return true;
  }

  /**
   * Takes a rejection of the append behind `rejected`; false where it is stale: the member has
   * accepted more since, or it answers another probe than the last.
   */
  retreat(rejected: number, hint: number): boolean {
    if (this.state === 'replicate') {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
    } else {
      if (this.next - 1 !== rejected) return false;
      this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
      this.appendsPaused = false;
    }
    this.commitSent = Math.min(this.commitSent, this.next - 1);
    return true;
  }

  /** Forgets everything about an earlier term. */
  reset(match: number, next: number): void {
    this.#enter('probe');
    this.match = match;
    this.next = next;
    this.commitSent = 0;
    this.active = false;
    this.roundConfirmed = 0;
    this.quiet = false;
    this.suspect = false;
  }
}
