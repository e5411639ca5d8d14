/**
 * A whole cluster that a script drives, command by command: nothing moves by itself.
 *
 * Messages wait until they are delivered or dropped, and a member's Ready waits until it is
 * processed. `stabilize` does all of that in a fixed order until nothing is left to do: every
 * member's Ready, then every member's mail, then its log's work, then its state machine's.
 */
import { QuorateError } from '../../src/base/errors.ts';
import type { Snapshot } from '../../src/raft/entry.ts';
import type { Input } from '../../src/raft/input.ts';
import { CommandError } from './arguments.ts';
import { type Drawn, EMPTY_READY, formatMessage, formatReady } from './describe.ts';
import { Member, type MemberOptions, type ReadyStep, readySteps } from './member.ts';
import { Network, type Selection } from './network.ts';
import { Output } from './output.ts';

/** Something that a script may expect to be told. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
}

/** Rounds of `stabilize` after which a cluster is taken to never come to rest. */
const STABILIZE_ROUNDS_MAX = 10_000;

export class Environment {
  readonly members: Member[] = [];
  readonly network = new Network();
  readonly output = new Output();
  /** Changed by `show`: what is drawn beside what the suite's scripts have. */
  readonly detail = { rounds: false };

  /** @throws CommandError where there is no such member. */
  member(id: number): Member {
    const member = this.members[id - 1];
    if (member === undefined) throw new CommandError(`there is no member ${id}`);
    return member;
  }

  add(count: number, options: MemberOptions, initial: Snapshot): void {
    for (let i = 0; i < count; i++) {
      this.members.push(new Member(this.members.length + 1, options, initial, this.detail));
    }
  }

  /**
   * Steps what the script itself asks for. Where the core refuses what the script's language
   * knows no answer to, that is a matter for the log.
   */
  ask(id: number, input: Input): void {
    try {
      this.member(id).raft.step(input);
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      this.output.line(`WARN ${id} ${error.message}`);
    }
  }

  /** @throws CommandFailure with the text that the scripts have for a refused proposal. */
  propose(id: number, input: Input): void {
    try {
      this.member(id).raft.step(input);
    } catch (error) {
      throw new CommandFailure(refusal(error));
    }
  }

  /** Processes a Ready and stops before a step if told so; returns whether it came to the end. */
  processReady(id: number, stopBefore?: ReadyStep): boolean {
    const member = this.member(id);
    const { raft } = member;
    if (!raft.hasReady()) {
      this.output.write(EMPTY_READY);
      return true;
    }
    const ready = raft.ready();
    const { messages, append, apply } = member.parcelsOf(ready);
    const drawn = messages.map((parcel) => parcel.drawn);
    for (const work of [append, apply]) {
      if (work !== undefined) {
        drawn.push({ ...work.drawn, responses: work.replies.map((reply) => reply.drawn) });
      }
    }
    this.output.write(formatReady(ready, drawn));

    const steps: { readonly [S in ReadyStep]: () => void } = member.asynchronous
      ? {
          persist: () => append && member.appendWork.push(append),
          send: () => this.network.send(messages),
          apply: () => apply && member.applyWork.push(apply),
          advance: () => {},
        }
      : {
          persist: () => member.persist(ready),
          send: () => this.network.send(messages),
          apply: () => member.apply(ready.committed),
          advance: () => raft.advance(),
        };
    for (const step of readySteps) {
      if (step === stopBefore) return false;
      steps[step]();
    }
    return true;
  }

  /** Runs the log's next work; with `lost` what it would say when done is never said. */
  processAppend(id: number, lost = false): void {
    const member = this.member(id);
    const work = member.appendWork.shift();
    if (work === undefined) {
      this.output.write('no append work to perform');
      return;
    }
    this.output.line(`Processing:\n${formatMessage(work.drawn)}`);
    member.persist(work.task);
    this.#reply(lost ? [] : work.replies);
  }

  /** Runs the state machine's next work. */
  processApply(id: number, lost = false): void {
    const member = this.member(id);
    const work = member.applyWork.shift();
    if (work === undefined) {
      this.output.write('no apply work to perform');
      return;
    }
    this.output.line(`Processing:\n${formatMessage(work.drawn)}`);
    member.apply(work.task.entries);
    this.#reply(lost ? [] : work.replies);
  }

  #reply(replies: readonly { to: number; drawn: Drawn; input: Input }[]): void {
    this.output.line('Responses:');
    for (const { drawn } of replies) this.output.line(formatMessage(drawn));
    this.network.send(replies);
  }

  /** Delivers or drops; returns how many messages that were. */
  deliver(selection: Selection, drop: boolean): number {
    const parcels = this.network.take(selection, !drop);
    for (const { drawn, input } of parcels) {
      const text = formatMessage(drawn);
      if (drop) {
        this.output.line(`dropped: ${text}`);
        continue;
      }
      const member = this.member(selection.to);
      if (member.down) {
        this.output.line(`lost: ${text}`);
        continue;
      }
      this.output.line(text);
      try {
        member.raft.step(input);
      } catch (error) {
        this.output.line(refusal(error));
      }
    }
    return parcels.length;
  }

  stabilize(ids: readonly number[]): void {
    const members = (ids.length === 0 ? this.members : ids.map((id) => this.member(id))).filter(
      (member) => !member.down,
    );
    for (let round = 0; round < STABILIZE_ROUNDS_MAX; round++) {
      let done = true;
      const part = (id: number, what: string, work: () => void): void => {
        done = false;
        this.output.line(`> ${id} ${what}`);
        this.output.indented(work);
      };
      for (const { id, raft } of members) {
        if (raft.hasReady()) part(id, 'handling Ready', () => this.processReady(id));
      }
      for (const { id } of members) {
        if (!this.network.holds({ to: id })) continue;
        part(id, 'receiving messages', () => this.deliver({ to: id }, false));
      }
      for (const member of members) {
        const { id } = member;
        if (member.appendWork.length === 0) continue;
        part(id, 'processing append thread', () => {
          while (member.appendWork.length > 0) this.processAppend(id);
        });
      }
      for (const member of members) {
        const { id } = member;
        if (member.applyWork.length === 0) continue;
        part(id, 'processing apply thread', () => {
          while (member.applyWork.length > 0) this.processApply(id);
        });
      }
      if (done) return;
    }
    throw new CommandError(`not at rest after ${STABILIZE_ROUNDS_MAX} rounds`);
  }
}

/** How the scripts put a refusal; what is no refusal is thrown on. */
function refusal(error: unknown): string {
  if (!(error instanceof QuorateError)) throw error;
  switch (error.code) {
    case 'no-leader':
    case 'transferring':
    case 'over-quota':
    case 'forwarding-disabled':
    case 'removed':
      return 'raft proposal dropped';
    case 'unknown-sender':
      return 'raft: cannot step as peer not found';
    default:
      return `${error.code}: ${error.message}`;
  }
}
