/**
 * The simulated network: which node can reach which, how fast, and with what faults. Directions are
 * apart: a cut may be one-way. Packets that meet a cut are lost; what meets a clog waits for its
 * end; streams, which send again what is not confirmed, wait in both cases, until they give up.
 */
import { assert } from '../base/assert.ts';
import type { Random } from '../ports/random.ts';
import type { RangeMs } from './disk-faults.ts';
import type { Scheduler } from './scheduler.ts';
import type { SimProcess } from './sim-process.ts';

/** Faults of a direction between two nodes. Chances are 0 … 1 a packet or piece of a stream. */
export interface LinkFaults {
  /** How long anything is under way. */
  readonly delayMs: RangeMs;
  /** Something takes longer, by a time drawn from `slowMs`; packets then overtake each other. */
  readonly slowChance: number;
  readonly slowMs: RangeMs;
  /** A packet is lost; a piece of a stream is late by a retransmission. */
  readonly lossChance: number;
  /** A packet arrives twice. */
  readonly duplicateChance: number;
  /** A bit flips: TCP's checksum finds most such damage, but not all. */
  readonly flipChance: number;
  /** A stream breaks as a piece of it is sent. */
  readonly resetChance: number;
}

/** A quick network that loses nothing. */
export const healthyLink: LinkFaults = {
  delayMs: [0.05, 0.3],
  slowChance: 0,
  slowMs: [0, 0],
  lossChance: 0,
  duplicateChance: 0,
  flipChance: 0,
  resetChance: 0,
};

/** How long a stream waits before it sends again, at first and at most. */
export const retransmitMs: RangeMs = [200, 3_000];

/** After how long without an answer a stream is given up. */
export const streamPatienceMs = 20_000;

/** The buffer that small copies share. */
const slabBytes = 64 * 1024;

/** How many packets a clog holds up, in one direction; more are lost. */
const cloggedMax = 10_000;

/** A node as the network sees it. */
export interface Host {
  readonly name: string;
  /** Its IP address; `127.0.0.1` is its own too. */
  readonly ip: string;
  /** The process that runs on it; `null` while the machine is off. */
  readonly process: SimProcess | null;
}

interface Link {
  cut: boolean;
  clogged: boolean;
  faults: Partial<LinkFaults> | null;
  /** What waits for a clog to end. */
  waiting: (() => void)[];
}

/** A stream that the network can break. */
export interface Breakable {
  readonly hosts: readonly [Host, Host];
  reset(): void;
}

/** See above. */
export class SimNetwork {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** How many times longer everything is under way than its faults say: how far nodes are apart. */
  readonly slowness: number;
  readonly #hosts = new Map<string, Host>();
  /** What was found before; a node may have moved since. */
  readonly #hostOfIp = new Map<string, Host>();
  readonly #links = new Map<string, Map<string, Link>>();
  readonly #streams = new Set<Breakable>();
  #faults: LinkFaults;
  #nextIp = 1;
  #slab = new ArrayBuffer(slabBytes);
  #slabUsed = 0;

  constructor(scheduler: Scheduler, faults: Partial<LinkFaults> = {}, slowness = 1) {
    this.scheduler = scheduler;
    this.slowness = slowness;
    this.random = scheduler.randomFor('network');
    this.#faults = { ...healthyLink, ...faults };
  }

  // What tests and fault schedules do to the network.

  /** Changes the faults of all links, but for what {@link setLink} has set. */
  setFaults(faults: Partial<LinkFaults>): void {
    this.#faults = { ...this.#faults, ...faults };
  }

  /** Changes the faults of one direction; `null` makes it like the others again. */
  setLink(from: string, to: string, faults: Partial<LinkFaults> | null): void {
    this.#link(from, to).faults = faults;
  }

  /** Cuts every node of one group off from every node of the other, or one way only. */
  partition(
    groupA: readonly string[],
    groupB: readonly string[],
    options: { readonly oneWay?: boolean } = {},
  ): void {
    for (const a of groupA) {
      for (const b of groupB) {
        if (a === b) continue;
        this.cut(a, b);
        if (!options.oneWay) this.cut(b, a);
      }
    }
  }

  /** Lets nothing pass from one node to another. */
  cut(from: string, to: string): void {
    this.#link(from, to).cut = true;
  }

  /** Holds up what is sent from one node to another. */
  clog(from: string, to: string): void {
    this.#link(from, to).clogged = true;
  }

  /** Ends every cut and clog; with names, only those between these nodes. */
  heal(among?: readonly string[]): void {
    for (const [from, links] of this.#links) {
      if (among !== undefined && !among.includes(from)) continue;
      for (const [to, link] of links) {
        if (among !== undefined && !among.includes(to)) continue;
        link.cut = false;
        link.clogged = false;
        const { waiting } = link;
        link.waiting = [];
        for (const go of waiting) go();
      }
    }
  }

  /** Breaks all streams between two nodes; both ends are told. */
  reset(a: string, b: string): void {
    for (const stream of [...this.#streams]) {
      const [x, y] = stream.hosts;
      if ((x.name === a && y.name === b) || (x.name === b && y.name === a)) stream.reset();
    }
  }

  /** Whether something sent now would pass. */
  reaches(from: string, to: string): boolean {
    const link = this.#links.get(from)?.get(to);
    return link === undefined || !(link.cut || link.clogged);
  }

  // What nodes and ports do with the network.

  /** An address that no node has had yet. */
  freshIp(): string {
    const number = this.#nextIp++;
    return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
  }

  addHost(host: Host): void {
    assert(!this.#hosts.has(host.name), `there are two nodes ${host.name}`);
    this.#hosts.set(host.name, host);
  }

  /** The node that `ip` leads to from a node. */
  hostAt(from: Host, ip: string): Host | undefined {
    if (isLoopback(ip)) return from;
    const known = this.#hostOfIp.get(ip);
    if (known?.ip === ip) return known;
    for (const host of this.#hosts.values()) {
      if (host.ip !== ip) continue;
      this.#hostOfIp.set(ip, host);
      return host;
    }
    return undefined;
  }

  /** What a name or address stands for on a node: IP addresses, or nothing. */
  resolve(name: string): readonly string[] {
    if (isIp(name)) return [name];
    if (name === 'localhost') return ['127.0.0.1'];
    const host = this.#hosts.get(name);
    return host === undefined ? [] : [host.ip];
  }

  isCut(from: Host, to: Host): boolean {
    return this.#links.get(from.name)?.get(to.name)?.cut ?? false;
  }

  /**
   * Whether a direction is clogged; if so, calls `go` when that ends, unless too much waits there
   * already: then it is lost.
   */
  waitForClog(from: Host, to: Host, go: () => void): boolean {
    const link = this.#links.get(from.name)?.get(to.name);
    if (link === undefined || !link.clogged) return false;
    if (link.waiting.length < cloggedMax) link.waiting.push(go);
    return true;
  }

  faultsBetween(from: Host, to: Host): LinkFaults {
    const link = this.#links.get(from.name)?.get(to.name);
    if (link === undefined || link.faults === null) return this.#faults;
    return { ...this.#faults, ...link.faults };
  }

  /** How long something sent now is under way. */
  delayMs(faults: LinkFaults): number {
    const { delayMs, slowChance, slowMs } = faults;
    const usual = within(delayMs, this.random) * this.slowness;
    return this.happens(slowChance) ? usual + within(slowMs, this.random) : usual;
  }

  happens(chance: number): boolean {
    return chance > 0 && this.random.fraction() < chance;
  }

  /** A copy of bytes on their way, damaged if chance will have it. */
  deliver(bytes: Uint8Array, faults: LinkFaults): Uint8Array {
    const copy = this.#copy(bytes);
    if (copy.length > 0 && this.happens(faults.flipChance)) {
      copy[this.random.below(copy.length)]! ^= 1 << this.random.below(8);
    }
    return copy;
  }

  /**
   * A copy in a piece of a larger buffer, as the platform's own are: cheaper than a buffer each, and
   * a trap for those who take `bytes.buffer` for the bytes.
   */
  #copy(bytes: Uint8Array): Uint8Array {
    if (bytes.length > slabBytes / 8) return bytes.slice();
    if (this.#slabUsed + bytes.length > slabBytes) {
      this.#slab = new ArrayBuffer(slabBytes);
      this.#slabUsed = 0;
    }
    const copy = new Uint8Array(this.#slab, this.#slabUsed, bytes.length);
    this.#slabUsed += bytes.length;
    copy.set(bytes);
    return copy;
  }

  streamOpened(stream: Breakable): void {
    this.#streams.add(stream);
  }

  streamClosed(stream: Breakable): void {
    this.#streams.delete(stream);
  }

  #link(from: string, to: string): Link {
    let links = this.#links.get(from);
    if (links === undefined) {
      links = new Map();
      this.#links.set(from, links);
    }
    let link = links.get(to);
    if (link === undefined) {
      link = { cut: false, clogged: false, faults: null, waiting: [] };
      links.set(to, link);
    }
    return link;
  }
}

/** Whether a host is written as an IP address. */
export function isIp(host: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(host) || host.includes(':');
}

/** Whether an address means the node itself. */
export function isLoopback(ip: string): boolean {
  return ip.startsWith('127.') || ip === '::1';
}

/** Whether an address means all of a node's own. */
export function isAny(ip: string): boolean {
  return ip === '0.0.0.0' || ip === '::';
}

function within([from, to]: RangeMs, random: Random): number {
  return from + (to - from) * random.fraction();
}
