/** Requests to hand leadership over, from the asking to the new leader (thesis §3.10). */
import { QuorateError } from '../base/errors.ts';
import { type MemberId, NOBODY } from '../raft/entry.ts';
import type { GroupId, Ticket, TransferLeadership } from './event.ts';
import type { Answer } from './proposals.ts';
import type { Replica } from './replica.ts';

export class Transfers {
  readonly #answer: Answer;
  readonly #waiting = new Map<Ticket, { group: GroupId; target: MemberId; deadlineMs: number }>();

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  /** Answered when somebody else leads, at once where the target does already. */
  begin(replica: Replica, { ticket, target, deadlineMs }: TransferLeadership): void {
    const { leader, id: group } = replica;
    if (target !== NOBODY && leader === target) {
      return this.#answer(ticket, { ok: true, value: leader });
    }
    const chosen = target === NOBODY ? bestSuccessor(replica) : target;
    if (chosen === undefined) {
      const error = new QuorateError('not-a-voter', 'no other voter could take over');
      return this.#answer(ticket, { ok: false, error });
    }
    const refused = replica.step({ type: 'transfer-leadership', target: chosen });
    if (refused instanceof QuorateError) return this.#answer(ticket, { ok: false, error: refused });
    this.#waiting.set(ticket, { group, target: chosen, deadlineMs });
  }

  leadershipChanged({ id, leader }: Replica, self: MemberId): void {
    if (leader === NOBODY || leader === self) return;
    for (const [ticket, { group }] of this.#waiting) {
      if (group !== id) continue;
      this.#waiting.delete(ticket);
      this.#answer(ticket, { ok: true, value: leader });
    }
  }

  /** The group is gone. */
  removed(gone: GroupId, error: QuorateError): void {
    for (const [ticket, { group }] of this.#waiting) {
      if (group !== gone) continue;
      this.#waiting.delete(ticket);
      this.#answer(ticket, { ok: false, error });
    }
  }

  expire(nowMs: number): void {
    for (const [ticket, { deadlineMs, target }] of this.#waiting) {
      if (nowMs < deadlineMs) continue;
      this.#waiting.delete(ticket);
      const error = new QuorateError('timeout', `member ${target} did not take over in time`);
      this.#answer(ticket, { ok: false, error });
    }
  }
}

/** Begins to hand a led group over; false where nobody could take it. */
export function handOver(replica: Replica): boolean {
  const target = bestSuccessor(replica);
  if (target === undefined) return false;
  replica.step({ type: 'transfer-leadership', target });
  return true;
}

/** The voter that is furthest, among those that answer. */
export function bestSuccessor(replica: Replica): MemberId | undefined {
  const { id, progress, configuration } = replica.raft.status();
  const candidates = progress.filter(
    ({ member, active, suspect }) =>
      member !== id && active && !suspect && configuration.voters.includes(member),
  );
  candidates.sort((a, b) => b.match - a.match);
  return candidates[0]?.member;
}
