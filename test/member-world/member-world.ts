/**
 * Whole members in the simulated world: the shipping code on simulated ports, with clients in each
 * process, and what must hold looked at after every event.
 */
import { QuorateError } from '../../src/base/errors.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Group } from '../../src/member/group.ts';
import type { Member } from '../../src/member/member.ts';
import { openMemberOn } from '../../src/member/open-member.ts';
import type { MemberOptions } from '../../src/member/options.ts';
import type { Tuning } from '../../src/member/startup-options.ts';
import type { Ports } from '../../src/ports/ports.ts';
import type { MemberId } from '../../src/raft/entry.ts';
import type { SimNode } from '../../src/sim/sim-node.ts';
import { World } from '../../src/sim/world.ts';
import { History, judge, type Operation } from './history.ts';
import { encodeWrite, type Observer, type Reading, Registers } from './registers.ts';

const port = 7000;
const groupName = 'registers';
const keys = ['k0', 'k1', 'k2'];
/** How often operations may fail by name after all is well again: leadership may still move. */
const finalRoundsMax = 3;

/** Small files and frequent snapshots, so that short runs meet the ends of both. */
const tuning: Tuning = {
  engine: { snapshotAfterBytes: 8192, keptEntries: 20 },
  log: { segmentBytes: 65_536, batchBytesMax: 16_384, reserveBytes: 65_536 },
};

/** One process of a member, from its start. */
interface Life {
  readonly number: number;
  member: Member | undefined;
  engine: Engine | undefined;
  group: Group<Registers> | undefined;
  /** Why it ended; null if it closed as asked. Undefined while it runs, or once it has crashed. */
  ended: QuorateError | null | undefined;
}

export interface MemberWorldOptions {
  readonly seed: number;
  readonly clientsPerMember?: number;
  /** Mean time between two operations of a client. */
  readonly thinkMs?: number;
  readonly onEvent?: (line: string) => void;
  readonly quiet?: boolean;
  /** What is set otherwise on a member. */
  readonly engine?: (name: string) => Tuning['engine'];
  /** The machine of a member's process; by default {@link Registers}. */
  readonly machine?: (name: string, ports: Ports, observe: Observer) => Registers;
}

/** See above. */
export class MemberWorld {
  readonly world: World;
  readonly names: readonly string[] = ['a', 'b', 'c'];
  readonly history = new History();
  /** Further options for the members that start from now on. */
  readonly options = new Map<string, Partial<MemberOptions>>();
  /** What was found wrong so far. */
  readonly wrong: string[] = [];
  /** Whether clients go on to ask. */
  clientsActive = true;
  readonly #lives = new Map<string, Life>();
  readonly #clients: number;
  readonly #thinkMs: number;
  readonly #hashes = new Map<number, { hash: number; name: string }>();
  readonly #leaders = new Map<string, string>();
  readonly #votes = new Map<string, MemberId>();
  readonly #terms = new Map<string, number>();
  readonly #machine: NonNullable<MemberWorldOptions['machine']>;
  readonly #engine: NonNullable<MemberWorldOptions['engine']>;
  #nextValue = 1;

  constructor(options: MemberWorldOptions) {
    const { seed } = options;
    const onEvent = options.onEvent === undefined ? {} : { onEvent: options.onEvent };
    this.world = new World({ seed, trap: true, ...onEvent });
    this.#clients = options.clientsPerMember ?? 2;
    this.#thinkMs = options.thinkMs ?? 60;
    this.#engine = options.engine ?? (() => ({}));
    this.#machine = options.machine ?? ((_name, _ports, observe) => new Registers(observe));
    for (const name of this.names) {
      const node = this.world.node(name, { capacityBytes: 2 ** 24 });
      node.run((ports) => void this.#live(name, ports));
    }
  }

  node(name: string): SimNode {
    return this.world.node(name);
  }

  life(name: string): Life | undefined {
    return this.#lives.get(name);
  }

  /** The process of a member and its machine, while it runs and takes part. */
  running(name: string): (Life & { group: Group<Registers>; engine: Engine }) | undefined {
    const life = this.#lives.get(name);
    const there = life?.group !== undefined && life.ended === undefined;
    const node = this.node(name);
    // A process that was just started has no life of its own yet.
    return there && node.running && node.starts === life.number
      ? (life as Life & { group: Group<Registers>; engine: Engine })
      : undefined;
  }

  /** Who leads the group, in the latest term. */
  leader(): string | undefined {
    const leading = this.names.filter((name) => this.running(name)?.group.leadership.isLeader);
    leading.sort((a, b) => this.#termOf(b) - this.#termOf(a));
    return leading[0];
  }

  #termOf(name: string): number {
    return this.running(name)!.group.leadership.term;
  }

  crash(name: string, power: 'lost' | 'kept' = 'lost'): void {
    this.node(name).crash({ power });
  }

  /** Starts the member again if it does not run, or has ended. */
  restart(name: string): void {
    const node = this.node(name);
    if (node.running) {
      if (this.#lives.get(name)?.ended === undefined) return;
      node.crash({ power: 'kept' });
    }
    node.restart();
  }

  /** Lets the world go on until `condition` holds, and looks at every event at what must hold. */
  async until(condition: () => boolean, limitMs: number): Promise<void> {
    try {
      await this.world.settleUntil(
        () => {
          this.#look();
          return this.wrong.length > 0 || condition();
        },
        { limitMs },
      );
    } catch (error) {
      throw new Error(`not within ${limitMs} ms: ${condition}\n${this.describe()}`, {
        cause: error,
      });
    }
    if (this.wrong.length > 0) throw new Error(this.wrong.join('\n'));
  }

  /** Where all replicas stand, for messages of failed runs. */
  describe(): string {
    const lines = this.names.map((name) => {
      const there = this.running(name);
      if (there === undefined) {
        const life = this.life(name);
        const system = JSON.stringify(life?.engine?.replica(0)?.raft.status());
        return `${name}: does not take part, ${life?.ended}, system group ${system}`;
      }
      const { role, term, leader, commit, applied, lastIndex, quiet } = there.group.status();
      const progress = there.group
        .status()
        .progress.map(({ member, state, match, next, paused }) => {
          return `${member} ${state} ${match} ${next}${paused ? ' paused' : ''}`;
        });
      const { appliedIndex } = there.engine.replica(there.group.id)!;
      return (
        `${name}: ${role} of ${leader} in term ${term}, commit ${commit}, handed out ${applied}, ` +
        `applied ${appliedIndex} of ${lastIndex}${quiet ? ', quiet' : ''} ${progress.join('; ')}`
      );
    });
    const waiting = this.history.operations.filter(
      ({ outcome, node, life }) => outcome === 'under way' && this.node(node).starts === life,
    );
    return lines.concat(waiting.map((each) => JSON.stringify(each))).join('\n');
  }

  async pass(durationMs: number): Promise<void> {
    let over = false;
    this.world.after(durationMs, 'time is up', () => {
      over = true;
    });
    await this.until(() => over, durationMs + 1);
  }

  async allRunning(limitMs = 30_000): Promise<void> {
    await this.until(() => this.names.every((name) => this.running(name)), limitMs);
  }

  /** All is well again: everything pending must finish, and all replicas come together. */
  async finish(limitMs = 60_000): Promise<void> {
    this.clientsActive = false;
    await this.until(() => this.#settled(), limitMs);
    for (let round = 1; !(await this.#finalRound(limitMs)); round++) {
      if (round === finalRoundsMax)
        throw new Error(`operations fail all the time\n${this.describe()}`);
    }
    this.judge();
  }

  /** Writes and reads on every member; false where leadership just changed and one failed by name. */
  async #finalRound(limitMs: number): Promise<boolean> {
    for (const name of this.names) {
      const { group, number } = this.running(name)!;
      void this.write(name, group, number, 'k0');
      void this.read(name, group, number, 'k0');
    }
    const last = this.history.operations.slice(-2 * this.names.length);
    await this.until(() => this.#settled() && this.#together(), limitMs);
    return last.every(({ outcome }) => outcome === 'done');
  }

  /** The history so far must be explained by what a member that runs has. */
  judge(): void {
    const machine = this.names.map((name) => this.running(name)?.group.machine).find(Boolean)!;
    const found = judge(this.history.operations, (key) => machine.valuesOf(key));
    if (found.length > 0) throw new Error(found.join('\n'));
  }

  /** No operation of a living process is under way, and all processes take part. */
  #settled(): boolean {
    if (!this.names.every((name) => this.running(name))) return false;
    return !this.history.operations.some(
      ({ outcome, node, life }) => outcome === 'under way' && this.node(node).starts === life,
    );
  }

  #together(): boolean {
    const applied = this.names.map((name) => {
      const { engine, group } = this.running(name)!;
      return engine.replica(group.id)!.appliedIndex;
    });
    return applied.every((index) => index === applied[0]);
  }

  async #live(name: string, ports: Ports): Promise<void> {
    const number = this.node(name).starts;
    const life: Life = {
      number,
      member: undefined,
      engine: undefined,
      group: undefined,
      ended: undefined,
    };
    this.#lives.set(name, life);
    try {
      const peers = this.names.map((each) => ({ name: each, address: `${each}:${port}` }));
      const options = { name, dataDir: '', peers, clusterToken: 'world' };
      const extra = this.options.get(name) ?? {};
      const engine = { ...tuning.engine, ...this.#engine(name) };
      const member = await openMemberOn(ports, { ...options, ...extra }, { ...tuning, engine });
      life.member = member;
      life.engine = member.engine;
      this.#watchVotes(name, life.engine);
      member.closed.then((error) => {
        life.ended = error;
      });
      const machine = this.#machine(name, ports, (index, hash) => this.#observe(name, index, hash));
      life.group = await member.group(groupName, machine, { timeoutMs: 300_000 });
    } catch (error) {
      if (!(error instanceof QuorateError)) {
        this.wrong.push(`${name} failed without a name: ${String(error)}`);
        return;
      }
      life.ended ??= error;
      return;
    }
    for (let i = 0; i < this.#clients; i++) void this.#client(name, ports, life);
  }

  /** A client in a member's process: writes and reads, one at a time, with pauses. */
  async #client(name: string, ports: Ports, life: Life): Promise<void> {
    const { random, clock } = ports;
    while (life.ended === undefined) {
      const pauseMs = this.#thinkMs * 2 * random.fraction();
      await new Promise<void>((resolve) => clock.after(pauseMs, resolve));
      if (!this.clientsActive || life.ended !== undefined) continue;
      const key = keys[random.below(keys.length)]!;
      if (random.below(2) === 0) await this.write(name, life.group!, life.number, key);
      else await this.read(name, life.group!, life.number, key);
    }
  }

  async write(node: string, group: Group<Registers>, life: number, key: string): Promise<void> {
    const value = `v${this.#nextValue++}`;
    const operation = this.history.call({ node, life, type: 'write', key, value });
    try {
      const version = await group.propose(encodeWrite({ key, value }));
      this.history.done(operation, version as number, value);
    } catch (error) {
      this.#failed(operation, error);
    }
  }

  async read(node: string, group: Group<Registers>, life: number, key: string): Promise<void> {
    const operation = this.history.call({ node, life, type: 'read', key, value: undefined });
    try {
      const { version, value } = await group.read((machine): Reading => machine.read(key));
      this.history.done(operation, version, value);
    } catch (error) {
      this.#failed(operation, error);
    }
  }

  #failed(operation: Operation, error: unknown): void {
    if (!(error instanceof QuorateError)) {
      this.wrong.push(`${operation.type} failed without a name: ${String(error)}`);
      return;
    }
    this.history.failed(operation, error.code, error.maybeApplied);
  }

  // What must hold at every moment.

  /** Same applied index, same state, on every replica, in every life. */
  #observe(name: string, index: number, hash: number): void {
    const known = this.#hashes.get(index);
    if (known === undefined) this.#hashes.set(index, { hash, name });
    else if (known.hash !== hash) {
      this.wrong.push(`states differ at index ${index}: ${known.name}, ${name}`);
    }
  }

  /** One leader a term, and terms that never go back, not even over a crash. */
  #look(): void {
    for (const name of this.names) {
      const life = this.#lives.get(name);
      const engine = life?.engine;
      if (engine === undefined || life!.ended !== undefined || !this.node(name).running) continue;
      for (const group of [0, 1]) {
        const core = engine.replica(group)?.raft.core;
        if (core?.role !== 'leader') continue;
        const at = `group ${group}, term ${core.term}`;
        const who = `${name}, life ${life!.number}`;
        const known = this.#leaders.get(at) ?? who;
        this.#leaders.set(at, known);
        if (known !== who) this.wrong.push(`two leaders, ${at}: ${known} and ${who}`);
      }
    }
  }

  /** Looks at every vote that leaves a member: one a term, and none of a term before. */
  #watchVotes(name: string, engine: Engine): void {
    const send = engine.send.bind(engine);
    engine.send = (group, message) => {
      if (message.type === 'vote-reply' && message.granted && this.node(name).running) {
        const at = `${name} in group ${group}`;
        const inTerm = `${at}, term ${message.term}`;
        const known = this.#votes.get(inTerm) ?? message.to;
        this.#votes.set(inTerm, known);
        if (known !== message.to) this.wrong.push(`two votes of ${inTerm}`);
        const latest = this.#terms.get(at) ?? 0;
        if (message.term < latest) this.wrong.push(`${inTerm}: a vote after one of ${latest}`);
        this.#terms.set(at, Math.max(latest, message.term));
      }
      send(group, message);
    };
  }
}
