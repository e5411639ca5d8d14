/**
 * A network of gossip members in memory: virtual time, seeded delays and losses, partitions, pauses,
 * crashes and restarts. It drives the shipping core exactly as a real driver must, a thousand times
 * as fast, and the same seed gives the same run. For tests of what a cluster does, for figures, and
 * for everybody who wants to see what gossip would do to them.
 *
 * @example
 * ```ts
 * const world = new GossipWorld({ seed: 7, loss: 0.05 });
 * for (let i = 0; i < 50; i++) world.add(`m${i}`);
 * world.joinAll();
 * world.runUntil(() => world.agree(), 30_000);
 * ```
 */
import { SeededRandom } from '../../src/base/seeded-random.ts';
import type {
  Address,
  GossipCommand,
  GossipEffect,
  GossipInput,
  GossipOptions,
  StreamId,
} from '../../src/swim/api.ts';
import { GossipCore } from '../../src/swim/gossip-core.ts';
import { addressKey } from '../../src/swim/member-table.ts';
import { lanSettings } from '../../src/swim/presets.ts';
import type { GossipSettings } from '../../src/swim/settings.ts';
import { type Timer, Timers } from '../../src/swim/timers.ts';

/** A condition is looked at this often, in virtual time. */
const lookIntervalMs = 20;
/** What a paused process's socket holds; the rest is lost, as in an operating system. */
const backlogMax = 1_000;

export interface WorldOptions {
  readonly seed: number;
  /** A packet takes this long, at least and at most. */
  readonly delayMs?: readonly [number, number];
  /** Share of packets lost; streams lose nothing. */
  readonly loss?: number;
  readonly settings?: GossipSettings;
}

/** A process in the world. */
export class WorldMember {
  readonly name: string;
  readonly address: Address;
  readonly options: Omit<GossipOptions, 'nowMs' | 'random'>;
  /** Absent while it is down. */
  core: GossipCore | undefined;
  paused = false;
  /** It runs, but neither hears nor is heard until later: its network, or its sockets, are slow. */
  clogged = false;
  /** Members of different sides do not reach each other. */
  side = 0;
  /** Every effect for the application, in order. */
  readonly seen: GossipEffect[] = [];
  wakeTimer: Timer | undefined;
  /** What arrived while it was paused. */
  backlog: GossipInput[] = [];
  /** What it wanted to send while it was clogged. */
  outbox: GossipEffect[] = [];
  lastAccepted: StreamId = -1;

  constructor(name: string, options: Omit<GossipOptions, 'nowMs' | 'random'>) {
    this.name = name;
    this.address = options.address;
    this.options = options;
  }

  /** Its own view: the status by name. */
  statuses(): Map<string, string> {
    return new Map(this.core?.members().map((member) => [member.name, member.status]));
  }
}

/** One end of a connection. */
interface StreamEnd {
  readonly member: WorldMember;
  readonly stream: StreamId;
}

export class GossipWorld {
  readonly random: SeededRandom;
  readonly members: WorldMember[] = [];
  nowMs = 0;
  loss: number;
  delayMs: readonly [number, number];
  packets = 0;
  bytes = 0;
  /** Called for every effect of every member before it is carried out. */
  observe: ((member: WorldMember, effect: GossipEffect) => void) | undefined;
  /** Whether {@link WorldMember.seen} is kept; long runs need not. */
  keepSeen = true;
  readonly #settings: GossipSettings;
  readonly #timers = new Timers();
  readonly #byAddress = new Map<string, WorldMember>();
  readonly #byName = new Map<string, WorldMember>();
  /** The other end of each end, by member's name and stream. */
  readonly #streams = new Map<string, StreamEnd>();
  #request = 0;

  constructor(options: WorldOptions) {
    this.random = new SeededRandom(options.seed);
    this.loss = options.loss ?? 0;
    this.delayMs = options.delayMs ?? [0.2, 1];
    this.#settings = options.settings ?? lanSettings;
  }

  /** Starts a member; it knows nobody yet. */
  add(name: string, options: Partial<GossipOptions> = {}): WorldMember {
    const number = this.members.length + 1;
    const host = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
    const address = options.address ?? { host, port: 7946 };
    const settings = options.settings ?? this.#settings;
    const member = new WorldMember(name, { ...options, name, address, settings });
    this.members.push(member);
    this.#byName.set(name, member);
    this.#byAddress.set(addressKey(address), member);
    this.start(member);
    return member;
  }

  member(name: string): WorldMember {
    return this.#byName.get(name)!;
  }

  /** Starts a member that is down, with nothing that it knew but `options`. */
  start(member: WorldMember, options: Partial<GossipOptions> = {}): void {
    const random = this.random.fork();
    member.core = new GossipCore({ ...member.options, ...options, random, nowMs: this.nowMs });
    member.paused = false;
    member.backlog = [];
    this.#byAddress.set(addressKey(member.address), member);
    this.#carryOut(member, member.core.handle({ type: 'wake' }, this.nowMs));
  }

  /** Stops a member without a word. */
  crash(member: WorldMember): void {
    member.core = undefined;
    member.wakeTimer?.cancel();
    member.wakeTimer = undefined;
    for (const [key, end] of this.#streams) {
      if (key.startsWith(`${member.name} `)) this.#closeOther(end);
    }
  }

  pause(member: WorldMember): void {
    member.paused = true;
    member.wakeTimer?.cancel();
    member.wakeTimer = undefined;
  }

  /** Lets a member go on: first what its timers missed, then what waits in its socket. */
  resume(member: WorldMember): void {
    if (!member.paused) return;
    member.paused = false;
    if (member.core === undefined) return;
    this.input(member, { type: 'wake' });
    const { backlog } = member;
    member.backlog = [];
    for (const input of backlog) this.input(member, input);
  }

  /** Holds up everything that a member sends and is sent, while its timers go on. */
  clog(member: WorldMember): void {
    member.clogged = true;
  }

  unclog(member: WorldMember): void {
    if (!member.clogged) return;
    member.clogged = false;
    const { outbox, backlog } = member;
    member.outbox = [];
    member.backlog = [];
    if (member.core === undefined) return;
    for (const effect of outbox) this.#transmit(member, effect);
    for (const input of backlog) this.input(member, input);
  }

  /** Divides the network; who is not named stays on side 0. */
  partition(...sides: readonly (readonly WorldMember[])[]): void {
    this.heal();
    for (const [index, side] of sides.entries()) for (const member of side) member.side = index + 1;
  }

  heal(): void {
    for (const member of this.members) member.side = 0;
  }

  /** Gives a command; returns its request number where it has one. */
  command(member: WorldMember, command: GossipCommand): void {
    this.input(member, command);
  }

  /** A number that no request had. */
  nextRequest(): number {
    return ++this.#request;
  }

  join(member: WorldMember, ...others: readonly WorldMember[]): number {
    const request = this.nextRequest();
    const addresses = others.map(({ address }) => address);
    this.command(member, { type: 'join', request, addresses });
    return request;
  }

  /** Everybody joins the first. */
  joinAll(): void {
    for (const member of this.members.slice(1)) this.join(member, this.members[0]!);
  }

  /** Hands an input to a member, now. */
  input(member: WorldMember, input: GossipInput): void {
    if (member.core === undefined) return;
    if (member.paused || (member.clogged && isFromOthers(input))) {
      if (member.backlog.length < backlogMax) member.backlog.push(input);
      return;
    }
    this.#carryOut(member, member.core.handle(input, this.nowMs));
  }

  /** Has something done at a time of the world. */
  at(atMs: number, action: () => void): Timer {
    return this.#timers.at(atMs, action);
  }

  run(durationMs: number): void {
    this.runUntil(() => false, durationMs);
  }

  /** Runs until `condition` holds, at most for `limitMs`; true if it does. */
  runUntil(condition: () => boolean, limitMs: number): boolean {
    const endMs = this.nowMs + limitMs;
    let lookAtMs = this.nowMs;
    for (;;) {
      // Looking at everything after each step would cost more than the steps.
      if (this.nowMs >= lookAtMs) {
        if (condition()) return true;
        lookAtMs = this.nowMs + lookIntervalMs;
      }
      const nextMs = this.#timers.nextAtMs;
      if (nextMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      this.#timers.run(this.nowMs);
    }
    this.nowMs = endMs;
    return condition();
  }

  /** Whether all that run see all that run as alive, and nobody else. */
  agree(): boolean {
    const running = this.members.filter(({ core }) => core !== undefined);
    return running.every((member) => {
      const alive = member.core!.members().filter(({ status }) => status === 'alive');
      return (
        alive.length === running.length &&
        alive.every(({ name }) => this.member(name).core !== undefined)
      );
    });
  }

  #carryOut(member: WorldMember, effects: readonly GossipEffect[]): void {
    for (const effect of effects) {
      this.observe?.(member, effect);
      if (!isForNetwork(effect)) {
        if (this.keepSeen) member.seen.push(effect);
      } else if (!member.clogged) this.#transmit(member, effect);
      else if (member.outbox.length < backlogMax) member.outbox.push(effect);
    }
    this.#scheduleWake(member);
  }

  #transmit(member: WorldMember, effect: GossipEffect): void {
    if (effect.type === 'send-packet') this.#sendPacket(member, effect.to, effect.bytes);
    else if (effect.type === 'open-stream') this.#openStream(member, effect);
    else if (effect.type === 'write-stream') this.#write(member, effect.stream, effect.bytes);
    else if (effect.type === 'close-stream') this.#close(member, effect.stream);
  }

  #scheduleWake(member: WorldMember): void {
    const atMs = Math.max(this.nowMs, member.core!.wakeAtMs);
    if (member.wakeTimer !== undefined && member.wakeTimer.atMs <= atMs) return;
    member.wakeTimer?.cancel();
    if (atMs === Number.POSITIVE_INFINITY) return;
    member.wakeTimer = this.#timers.at(atMs, () => {
      member.wakeTimer = undefined;
      this.input(member, { type: 'wake' });
    });
  }

  #delay(): number {
    const [min, max] = this.delayMs;
    return min + (max - min) * this.random.fraction();
  }

  #sendPacket(member: WorldMember, to: Address, bytes: Uint8Array): void {
    this.packets++;
    this.bytes += bytes.length;
    const target = this.#byAddress.get(addressKey(to));
    if (target === undefined || target.side !== member.side) return;
    if (this.random.fraction() < this.loss) return;
    const from = member.address;
    this.#timers.at(this.nowMs + this.#delay(), () => {
      if (target.side === member.side) this.input(target, { type: 'packet', from, bytes });
    });
  }

  #openStream(member: WorldMember, effect: GossipEffect & { type: 'open-stream' }): void {
    const target = this.#byAddress.get(addressKey(effect.to));
    const delayMs = this.#delay();
    this.#timers.at(this.nowMs + delayMs * 2, () => {
      // Across a partition nothing comes back: the core's own timeout ends it.
      if (target !== undefined && target.side !== member.side) return;
      if (target?.core === undefined) {
        this.input(member, {
          type: 'stream-closed',
          stream: effect.stream,
          error: 'connection refused',
        });
        return;
      }
      target.lastAccepted += 2;
      const stream = target.lastAccepted;
      this.#streams.set(`${member.name} ${effect.stream}`, { member: target, stream });
      this.#streams.set(`${target.name} ${stream}`, { member, stream: effect.stream });
      this.input(target, { type: 'stream-accepted', stream, from: member.address });
      this.#write(member, effect.stream, effect.bytes);
    });
  }

  #write(member: WorldMember, stream: StreamId, bytes: Uint8Array): void {
    const other = this.#streams.get(`${member.name} ${stream}`);
    if (other === undefined) return;
    this.packets++;
    this.bytes += bytes.length;
    this.#timers.at(this.nowMs + this.#delay(), () => {
      if (other.member.side !== member.side) return;
      this.input(other.member, { type: 'stream-data', stream: other.stream, bytes });
    });
  }

  #close(member: WorldMember, stream: StreamId): void {
    const key = `${member.name} ${stream}`;
    const other = this.#streams.get(key);
    if (other === undefined) return;
    this.#streams.delete(key);
    // Later than all that was written: the largest delay twice.
    this.#timers.at(this.nowMs + this.delayMs[1] * 2, () => this.#closeOther(other));
  }

  #closeOther(other: StreamEnd): void {
    this.#streams.delete(`${other.member.name} ${other.stream}`);
    this.input(other.member, { type: 'stream-closed', stream: other.stream });
  }
}

function isForNetwork(effect: GossipEffect): boolean {
  return effect.type === 'send-packet' || effect.type.endsWith('-stream');
}

function isFromOthers(input: GossipInput): boolean {
  return input.type === 'packet' || input.type.startsWith('stream-');
}
