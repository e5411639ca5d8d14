/**
 * One member of three, and the test in the place of the other two: what it is told, and what it
 * says. Each `tell` lets it do all that it can, so that what comes back is all that may be seen.
 */
import { emptyConfiguration } from '../../src/raft/configuration.ts';
import type { Entry, HardState } from '../../src/raft/entry.ts';
import type { Input } from '../../src/raft/input.ts';
import type { Message, MessageType } from '../../src/raft/message.ts';
import type { Proposed } from '../../src/raft/proposals.ts';
import { Member, type Settings } from './member.ts';
import { bytes, type MessageOf, message } from './messages.ts';

export interface LoneOptions {
  /** All voters, member 1 among them. Default 1, 2, 3. */
  readonly voters?: readonly number[];
  readonly learners?: readonly number[];
  readonly log?: readonly Entry[];
  readonly hardState?: Partial<HardState>;
  readonly settings?: Settings;
  readonly seed?: number;
}

export class Lone {
  readonly member: Member;
  /** What it has sent since the last time anybody looked. */
  #out: Message[] = [];

  constructor(options: LoneOptions = {}) {
    const { voters = [1, 2, 3], learners = [], log = [], hardState = {}, seed = 1 } = options;
    const configuration = { ...emptyConfiguration, voters, learners };
    this.member = new Member({ id: 1, configuration, settings: options.settings ?? {}, seed });
    if (log.length > 0 || options.hardState !== undefined) this.member.preload(log, hardState);
    this.member.start();
  }

  get core() {
    return this.member.running.core;
  }

  get status() {
    return this.member.running.status();
  }

  get terms(): number[] {
    const { log } = this.core;
    return (log.entriesFrom(log.firstIndex(), Number.MAX_SAFE_INTEGER) ?? []).map((e) => e.term);
  }

  /** Steps an input, has the work done, and returns what was sent because of it. */
  tell(input: Input): Message[] {
    this.member.step(input);
    const sent = this.member.work();
    this.#out.push(...sent);
    return sent;
  }

  tick(times = 1, nowMs?: number): Message[] {
    const input =
      nowMs === undefined ? { type: 'tick' as const } : { type: 'tick' as const, nowMs };
    return Array.from({ length: times }, () => this.tell(input)).flat();
  }

  propose(...commands: string[]): Proposed | undefined {
    const entries = commands.map((word) => ({ type: 'normal' as const, data: bytes(word) }));
    const proposed = this.member.step({ type: 'propose', entries });
    this.#out.push(...this.member.work());
    return proposed;
  }

  /** Campaigns, and gets the votes of all others (and their pre-votes). */
  becomeLeader(): void {
    this.tell({ type: 'campaign' });
    const { incarnation } = this.core;
    const from = this.status.configuration.voters.filter((id) => id !== 1);
    if (this.core.role === 'pre-candidate') {
      const term = this.core.term + 1;
      for (const each of from)
        this.tell(message('pre-vote-reply', { from: each, term, incarnation }));
    }
    const { term } = this.core;
    for (const each of from) this.tell(message('vote-reply', { from: each, term, incarnation }));
    this.member.work();
    this.sent();
  }

  /** A member acknowledges everything up to `index`. */
  acknowledge(from: number, index: number): Message[] {
    return this.tell(message('append-reply', { from, term: this.core.term, index }));
  }

  sent<Type extends MessageType = MessageType>(type?: Type): (MessageOf<Type> & Message)[] {
    const all = this.#out;
    this.#out = [];
    return all.filter((each) => type === undefined || each.type === type) as (MessageOf<Type> &
      Message)[];
  }
}
