/**
 * A member whose disk or event loop stalls makes a poor leader: it gives leadership away. After a
 * stall it has heard nobody for long, so it may take a moment until it knows who can follow it; it
 * goes on trying for an election timeout.
 */
import type { LogFacts } from '../ports/logger.ts';
import { NOBODY } from '../raft/entry.ts';
import type { GroupId } from './event.ts';
import type { Replica } from './replica.ts';

/** How late the event loop is, and how long the oldest append has waited for the disk. */
export interface Lateness {
  readonly lateMs: number;
  readonly diskStalledMs: number;
}

/** The most groups that one line of the log names. */
const namedGroupsMax = 10;

export class StallWatch {
  readonly #electionTimeoutMs: number;
  /** Set for an election timeout after a stall. */
  #stalled: { readonly facts: Lateness; readonly untilMs: number } | undefined;

  constructor(electionTimeoutMs: number) {
    this.#electionTimeoutMs = electionTimeoutMs;
  }

  /** Whether it has stalled just now: it should be given no leadership either. */
  get hasStalled(): boolean {
    return this.#stalled !== undefined;
  }

  /**
   * Gives away what the member leads, after a stall.
   * @param giveAway whether somebody could take the group over
   * @returns what to tell the log, if anything was given away
   */
  tick(
    nowMs: number,
    { lateMs, diskStalledMs }: Lateness,
    replicas: Iterable<Replica>,
    giveAway: (replica: Replica) => boolean,
  ): LogFacts | undefined {
    if (Math.max(lateMs, diskStalledMs) >= this.#electionTimeoutMs) {
      const facts = { lateMs: Math.round(lateMs), diskStalledMs: Math.round(diskStalledMs) };
      this.#stalled = { facts, untilMs: nowMs + this.#electionTimeoutMs };
    }
    if (this.#stalled === undefined) return undefined;
    const { facts, untilMs } = this.#stalled;
    if (nowMs > untilMs) this.#stalled = undefined;
    const groups: GroupId[] = [];
    for (const replica of replicas) {
      const isLeading = replica.role === 'leader' && replica.raft.core.transferTarget === NOBODY;
      if (isLeading && giveAway(replica)) groups.push(replica.id);
    }
    if (groups.length === 0) return undefined;
    return { ...facts, groupCount: groups.length, groups: groups.slice(0, namedGroupsMax) };
  }
}
