/**
 * Reads on their way through read index (thesis §6.4). The rules are in `reads.ts`.
 *
 * Leader: a read is *postponed* until the term's first commit, then waits in a *round*: heartbeats
 * that left after the read came in, and that a quorum must answer. Follower: a read was *asked* of
 * the leader under an id that is never used again.
 */
import type { MemberId } from './entry.ts';
import type { ReadState } from './ready.ts';

/** Who wants to read: a member that asked, or the host (then `from` is this member). */
export interface ReadRequest {
  readonly from: MemberId;
  readonly incarnation: number;
  readonly readId: number;
  readonly context: number;
}

interface Round {
  readonly round: number;
  /** The commit index when the round's last read joined. */
  index: number;
  readonly requests: ReadRequest[];
}

interface Asked {
  readonly context: number;
  /** By `Core.ticksSinceStart`. */
  readonly atTick: number;
}

export class ReadQueue {
  /** Leader: reads that came before the first commit of the term. */
  postponed: ReadRequest[] = [];
  /** Leader: rounds without a quorum of answers yet, ascending. */
  rounds: Round[] = [];
  /** Leader: the latest round whose heartbeats were made; grows within a term. */
  latestRound = 0;
  /** Leader: the latest round's heartbeats have not left yet, so that reads may still join it. */
  roundOpen = false;
  /** Follower: reads asked of the leader, by read id; the oldest first. */
  asked = new Map<number, Asked>();
  nextReadId = 1;
  /** Output. */
  states: ReadState[] = [];
  dropped: number[] = [];

  /** How many reads wait. */
  get size(): number {
    let size = this.postponed.length + this.asked.size;
    for (const round of this.rounds) size += round.requests.length;
    return size;
  }

  /** Gives up all that wait; those of the host are reported dropped. */
  drop(self: MemberId): void {
    const own = (request: ReadRequest) => {
      if (request.from === self) this.dropped.push(request.context);
    };
    this.postponed.forEach(own);
    for (const round of this.rounds) round.requests.forEach(own);
    for (const { context } of this.asked.values()) this.dropped.push(context);
    if (this.postponed.length > 0) this.postponed = [];
    if (this.rounds.length > 0) this.rounds = [];
    this.asked.clear();
    this.latestRound = 0;
    this.roundOpen = false;
  }

  /** Gives up what was asked at or before `tick`: the question or its answer was lost. */
  dropAsked(tick: number): void {
    for (const [readId, { context, atTick }] of this.asked) {
      if (atTick > tick) return;
      this.asked.delete(readId);
      this.dropped.push(context);
    }
  }
}
