/**
 * A cluster on a table: several members, a network that does as it is told, and words to tell it.
 *
 *     const cluster = new Cluster({ members: [1, 2, 3] });
 *     cluster.elect(1);
 *     cluster.partition([1], [2, 3]);
 *     cluster.propose(1, 'x');
 *     cluster.settle();
 *
 * Nothing happens but by a call, and the same calls give the same run. What must hold always is
 * checked with each entry applied and each step: one leader a term (§5.2), one entry an index
 * (state machine safety, §5.4.3).
 */
import { assert } from '../../src/base/assert.ts';
import { QuorateError } from '../../src/base/errors.ts';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import {
  type ChangeStep,
  type ConfigurationState,
  emptyConfiguration,
  type Transition,
} from '../../src/raft/configuration.ts';
import type { Core } from '../../src/raft/core.ts';
import { type Entry, emptyBytes, type HardState, type MemberId } from '../../src/raft/entry.ts';
import type { Input } from '../../src/raft/input.ts';
import type { Message, MessageType } from '../../src/raft/message.ts';
import type { Proposed } from '../../src/raft/proposals.ts';
import type { Status } from '../../src/raft/status.ts';
import { encodeChange } from '../../src/raft/wire/change.ts';
import { Member, type Settings } from './member.ts';
import { bytes, type MessageOf, words } from './messages.ts';
import { type Filter, Network } from './network.ts';

export interface ClusterOptions {
  readonly members: readonly MemberId[];
  /** The first configuration; by default all members vote. */
  readonly configuration?: Partial<ConfigurationState>;
  /** Whether disk and applier work beside the core. Default `simple`. */
  readonly storage?: 'simple' | 'async';
  readonly settings?: Settings | ((id: MemberId) => Settings);
  /** Logs and hard states from an earlier life, by member. */
  readonly logs?: Readonly<Record<number, readonly Entry[]>>;
  readonly hardStates?: Readonly<Record<number, Partial<HardState>>>;
  /** Members whose machine's state survives crashes by itself. Default false. */
  readonly durableMachines?: boolean;
  readonly seed?: number;
}

export class Cluster {
  readonly members = new Map<MemberId, Member>();
  readonly random: SeededRandom;
  readonly network: Network;
  readonly #leaders = new Map<number, MemberId>();
  readonly #committed = new Map<number, string>();

  constructor(options: ClusterOptions) {
    const { seed = 1, settings = {} } = options;
    this.random = new SeededRandom(seed);
    this.network = new Network(this.random.fork(), (message) => this.#receive(message));
    const voters = [...options.members];
    const configuration = { ...emptyConfiguration, voters, ...options.configuration };
    for (const id of options.members) {
      const own = typeof settings === 'function' ? settings(id) : settings;
      const asyncStorageWrites = options.storage === 'async';
      const member = this.#make(id, configuration, { asyncStorageWrites, ...own }, seed);
      member.durableMachine = options.durableMachines ?? false;
      const log = options.logs?.[id];
      const hardState = options.hardStates?.[id];
      if (log !== undefined || hardState !== undefined) member.preload(log ?? [], hardState ?? {});
      member.start();
    }
  }

  #make(id: MemberId, configuration: ConfigurationState, settings: Settings, seed: number): Member {
    const member = new Member({ id, configuration, settings, seed });
    member.onApply = (entry) => this.#checkApplied(id, entry);
    this.members.set(id, member);
    return member;
  }

  /** Starts a newcomer with an empty log, which knows the first members only by name. */
  join(id: MemberId, configuration: Partial<ConfigurationState> = {}): void {
    const { settings } = this.members.values().next().value as Member;
    this.#make(id, { ...emptyConfiguration, ...configuration }, settings, id).start();
  }

  // What can be asked.

  member(id: MemberId): Member {
    const member = this.members.get(id);
    assert(member !== undefined, `there is no member ${id}`);
    return member;
  }

  status(id: MemberId): Status {
    return this.member(id).running.status();
  }

  core(id: MemberId): Core {
    return this.member(id).running.core;
  }

  /** The commands that a member has applied. */
  applied(id: MemberId): readonly string[] {
    return this.member(id).machine.commands;
  }

  /** The whole log of a running member that has compacted nothing: terms or commands. */
  terms(id: MemberId): number[] {
    return this.log(id).map(({ term }) => term);
  }

  log(id: MemberId): readonly Entry[] {
    const { log } = this.core(id);
    return log.entriesFrom(log.firstIndex(), Number.MAX_SAFE_INTEGER) ?? [];
  }

  /** Members that lead in the latest term that anybody leads in; asserts that it is one. */
  leader(): MemberId | undefined {
    const leading = [...this.members.values()].filter(
      ({ raft }) => raft !== undefined && raft.status().role === 'leader',
    );
    const termOf = (member: Member) => member.running.status().term;
    return leading.sort((a, b) => termOf(b) - termOf(a))[0]?.id;
  }

  /** What was sent since the last time, delivered or not; of one type if given. */
  sent<Type extends MessageType = MessageType>(type?: Type): (MessageOf<Type> & Message)[] {
    const all = this.network.takeSent();
    return all.filter(
      (message) => type === undefined || message.type === type,
    ) as (MessageOf<Type> & Message)[];
  }

  // What can be done to members.

  step(id: MemberId, input: Input): Proposed | undefined {
    return this.member(id).step(input);
  }

  tick(id: MemberId, times = 1, nowMs?: number): void {
    for (let i = 0; i < times; i++) this.step(id, { type: 'tick', ...(nowMs ? { nowMs } : {}) });
  }

  campaign(id: MemberId): void {
    this.step(id, { type: 'campaign' });
  }

  /** Has the member win an election, and settles. */
  elect(id: MemberId): void {
    this.campaign(id);
    this.settle();
    assert(this.status(id).role === 'leader', `member ${id} was not elected`);
  }

  propose(id: MemberId, ...commands: string[]): Proposed | undefined {
    return this.step(id, {
      type: 'propose',
      entries: commands.map((command) => ({ type: 'normal', data: bytes(command) })),
    });
  }

  change(
    id: MemberId,
    steps: readonly ChangeStep[],
    transition: Transition = 'auto',
  ): Proposed | undefined {
    const data = encodeChange({ transition, steps, context: emptyBytes });
    return this.step(id, { type: 'propose', entries: [{ type: 'configuration', data }] });
  }

  read(id: MemberId, context: number, nowMs?: number): void {
    this.step(id, { type: 'read', context, ...(nowMs === undefined ? {} : { nowMs }) });
  }

  transfer(id: MemberId, target: MemberId): void {
    this.step(id, { type: 'transfer-leadership', target });
  }

  /** Drops the instance: what it had not persisted is gone. */
  crash(...ids: MemberId[]): void {
    for (const id of ids) this.member(id).crash();
  }

  restart(id: MemberId, settings: Settings = {}): void {
    this.member(id).start(settings);
  }

  // What can be done to the network.

  /** Cuts the network: members talk within their side only. */
  partition(...sides: readonly MemberId[][]): void {
    this.network.partition(sides);
  }

  heal(): void {
    this.network.partition(undefined);
  }

  /** Loses messages that `filter` names until the returned function is called. */
  drop(filter: Filter): () => void {
    return this.network.drop(filter);
  }

  /** Keeps messages back in `network.held`; the returned function lets them go on. */
  hold(filter: Filter): () => void {
    return this.network.hold(filter);
  }

  /** Hands messages over, whatever the network would do: late, again, out of order. */
  deliver(...messages: readonly Message[]): void {
    for (const message of messages) {
      this.members.get(message.to)?.raft?.step(message);
      this.#checkLeaders();
    }
  }

  /** As a host does: what a member refuses of others is dropped. */
  #receive(message: Message): void {
    try {
      this.deliver(message);
    } catch (error) {
      const mayBeRefused = message.type === 'forward' || message.type.endsWith('-reply');
      if (!(error instanceof QuorateError && mayBeRefused)) throw error;
    }
  }

  /** All members work and all messages travel, until nothing is left to do. */
  settle(): void {
    for (let round = 0; ; round++) {
      assert(round < 10_000, 'the cluster does not settle');
      for (const id of this.members.keys()) this.work(id);
      if (!this.network.carry()) return;
    }
  }

  /** A member does all that it can by itself; what it sends waits for `settle`. */
  work(id: MemberId): void {
    const member = this.member(id);
    if (member.raft === undefined) return;
    this.network.accept(member.work());
    this.#checkLeaders();
  }

  /** Time passes for all members alike; after each tick `each` may act. */
  run(ticks: number, each: () => void = () => {}): void {
    for (let i = 0; i < ticks; i++) {
      for (const member of this.members.values()) member.raft?.step({ type: 'tick' });
      this.settle();
      this.network.tick();
      each();
      this.settle();
    }
  }

  /** Runs until `done`, at most so many ticks. */
  runUntil(what: string, done: () => boolean, ticksMax = 300): void {
    for (let i = 0; i < ticksMax && !done(); i++) this.run(1);
    assert(done(), `${what}: not within ${ticksMax} ticks`);
  }

  /** Election safety (§5.2). */
  #checkLeaders(): void {
    for (const { id, raft } of this.members.values()) {
      if (raft === undefined || raft.core.role !== 'leader') continue;
      const known = this.#leaders.get(raft.core.term) ?? id;
      assert(known === id, `members ${known} and ${id} both led in term ${raft.core.term}`);
      this.#leaders.set(raft.core.term, id);
    }
  }

  /** State machine safety (§5.4.3). */
  #checkApplied(id: MemberId, { index, term, data }: Entry): void {
    const entry = `${term}:${words(data)}`;
    const known = this.#committed.get(index) ?? entry;
    assert(known === entry, `member ${id} applies ${entry} at ${index}, others ${known}`);
    this.#committed.set(index, entry);
  }
}
