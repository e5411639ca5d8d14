/**
 * Several {@link Peers} wired together in memory, with time that a test moves, streams that may be
 * cut into pieces anywhere, stall, break, or stay half open.
 */

import type { QuorateError } from '../../src/base/errors.ts';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import type { CallResult } from '../../src/engine/peers/calls.ts';
import type { PeerRecord, Self } from '../../src/engine/peers/greeter.ts';
import type { PeerEffect } from '../../src/engine/peers/peer-event.ts';
import type { RefusalOrigin } from '../../src/engine/peers/peer-handler.ts';
import {
  type PeerHandler,
  type PeerSettings,
  Peers,
  peerDefaults,
} from '../../src/engine/peers/peers.ts';
import type { Message } from '../../src/raft/message.ts';
import { keyedHash } from './keyed-hash.ts';

export const CLUSTER = 77;

/** How a process is started. */
export interface ProcessOptions {
  readonly clusterId?: number;
  readonly member?: number;
  readonly incarnation?: number;
  readonly secret?: string;
  readonly features?: readonly string[];
  readonly settings?: Partial<PeerSettings>;
  /** What its certificate names; undefined without TLS. */
  readonly certificate?: readonly string[];
}

/** What a process heard of its links, for a test to look at. */
export interface Told {
  readonly messages: { from: number; group: number; message: Message }[];
  readonly calls: { from: number; kind: number; payload: Uint8Array }[];
  readonly refusals: { peer: number; code: string; message: string; origin: RefusalOrigin }[];
  /** `up 2`, `down 2` … */
  readonly peers: string[];
  readonly dropped: { peer: number; groups: number[] }[];
}

/** One end of a stream. */
interface End {
  readonly process: WiredProcess;
  readonly link: number;
  other: End | undefined;
  /** Bytes on their way to this end. */
  arriving: Uint8Array[];
  /** The other side has closed: this comes behind the bytes. */
  closing: boolean;
  over: boolean;
  /** Nothing arrives, and nobody is told. */
  mute: boolean;
}

export class WiredProcess implements PeerHandler {
  readonly peers: Peers;
  readonly told: Told = { messages: [], calls: [], refusals: [], peers: [], dropped: [] };
  readonly ends = new Map<number, End>();
  readonly handedOver: Uint8Array[] = [];
  readonly address: string;
  readonly certificate: readonly string[] | undefined;
  /** How a question is answered. */
  onCall: (kind: number, payload: Uint8Array, answer: (result: CallResult) => void) => void = (
    _kind,
    payload,
    answer,
  ) => answer({ ok: true, value: payload });
  readonly #network: WiredNetwork;

  constructor(network: WiredNetwork, address: string, options: ProcessOptions, seed: number) {
    const { clusterId = CLUSTER, member = 1, incarnation = 1000 + member, secret } = options;
    const self: Self = {
      clusterId,
      member,
      incarnation,
      features: options.features ?? [],
      mac: secret === undefined ? undefined : keyedHash(secret),
    };
    this.#network = network;
    this.address = address;
    this.certificate = options.certificate;
    this.peers = new Peers({
      self,
      settings: { ...peerDefaults, ...options.settings },
      handler: this,
      random: new SeededRandom(seed),
      nowMs: network.nowMs,
    });
  }

  message(from: number, group: number, message: Message): void {
    this.told.messages.push({ from, group, message });
  }
  call(
    from: number,
    kind: number,
    payload: Uint8Array,
    answer: (result: CallResult) => void,
  ): void {
    this.told.calls.push({ from, kind, payload: payload.slice() });
    this.onCall(kind, payload, answer);
  }
  peerUp(peer: number): void {
    this.told.peers.push(`up ${peer}`);
  }
  peerDown(peer: number): void {
    this.told.peers.push(`down ${peer}`);
  }
  dropped(peer: number, groups: ReadonlySet<number>): void {
    this.told.dropped.push({ peer, groups: [...groups] });
  }
  refused(peer: number, { code, message }: QuorateError, origin: RefusalOrigin): void {
    this.told.refusals.push({ peer, code, message, origin });
  }

  /** Streams that are open at this end. */
  get openLinks(): number {
    return [...this.ends.values()].filter(({ over }) => !over).length;
  }

  run(): void {
    for (const effect of this.peers.flush()) this.#network.perform(this, effect);
  }
}

export class WiredNetwork {
  nowMs = 0;
  readonly processes: WiredProcess[] = [];
  readonly random: SeededRandom;
  /** Streams arrive in pieces of at most this many bytes. */
  pieceBytesMax = Number.POSITIVE_INFINITY;
  /** Dials from … to … that do not come through, as `a>b`. */
  readonly blockedDials = new Set<string>();
  /** Dials neither come through nor fail. */
  holdDials = false;
  readonly #dials: { from: WiredProcess; effect: PeerEffect & { type: 'dial' } }[] = [];
  #nextLink = 2;
  #starts = 0;

  constructor(seed = 1) {
    this.random = new SeededRandom(seed);
  }

  start(address: string, options: ProcessOptions = {}): WiredProcess {
    const process = new WiredProcess(this, address, options, 1000 * ++this.#starts + 7);
    this.processes.push(process);
    return process;
  }

  /** The process is gone. `silently`: nobody hears of it. */
  kill(process: WiredProcess, how: 'aloud' | 'silently' = 'aloud'): void {
    this.processes.splice(this.processes.indexOf(process), 1);
    for (const end of process.ends.values()) {
      end.over = true;
      if (end.other !== undefined) {
        if (how === 'aloud') end.other.closing = true;
        else end.other.mute = true;
      }
    }
  }

  /** Each stream that is open, by one of its ends. */
  *streams(): Generator<End> {
    for (const process of this.processes) {
      for (const end of process.ends.values()) {
        if (!end.over && end.other !== undefined && end.link % 2 === 1) yield end;
      }
    }
  }

  /** Lets time pass in steps of 10 ms, and everything arrive. */
  run(durationMs: number): void {
    for (const endMs = this.nowMs + durationMs; this.nowMs < endMs; ) {
      this.nowMs += 10;
      for (const process of [...this.processes]) {
        process.peers.tick(this.nowMs);
        process.run();
      }
      this.settle();
    }
  }

  /** Lets everything arrive that is on its way, in a drawn order of streams. */
  settle(): void {
    for (let moved = true; moved; ) {
      moved = this.#connect();
      const ends = this.processes.flatMap((process) =>
        [...process.ends.values()].filter(({ over, mute }) => !over && !mute),
      );
      for (let at = ends.length; at > 0; at--) {
        const drawn = this.random.below(at);
        moved = this.#deliver(ends[drawn]!) || moved;
        ends[drawn] = ends[at - 1]!;
      }
    }
  }

  /** Lets the dials come through that are under way. */
  #connect(): boolean {
    const dials = this.holdDials ? [] : this.#dials.splice(0);
    for (const { from, effect } of dials) {
      if (!this.processes.includes(from)) continue;
      const end = from.ends.get(effect.link)!;
      if (end.over) continue;
      const to = this.processes.find(({ address }) => address === effect.address);
      if (to === undefined || this.blockedDials.has(`${from.address}>${to.address}`)) {
        this.#over(end);
        continue;
      }
      const other = newEnd(to, this.#newLink());
      to.ends.set(other.link, other);
      end.other = other;
      other.other = end;
      const names = (whose: WiredProcess) => ({ certifiedNames: whose.certificate });
      to.peers.handle({ type: 'link-accepted', link: other.link, ...names(from) });
      to.run();
      from.peers.handle({ type: 'link-connected', link: end.link, ...names(to) });
      from.run();
    }
    return dials.length > 0;
  }

  #deliver(end: End): boolean {
    if (end.over || end.mute) return false;
    const { process, link } = end;
    const first = end.arriving.shift();
    if (first !== undefined) {
      const bytes = first.subarray(0, this.#pieceOf(first.length));
      if (bytes.length < first.length) end.arriving.unshift(first.subarray(bytes.length));
      // The receiver's own: nobody may see it change what was sent.
      process.peers.handle({ type: 'link-received', link, bytes: bytes.slice() });
      process.run();
      return true;
    }
    if (!end.closing) return false;
    this.#over(end);
    return true;
  }

  #pieceOf(length: number): number {
    if (this.pieceBytesMax >= length) return length;
    return Math.min(length, 1 + this.random.below(this.pieceBytesMax));
  }

  #over(end: End): void {
    if (end.over) return;
    end.over = true;
    if (end.other !== undefined) end.other.closing = true;
    end.process.peers.handle({ type: 'link-closed', link: end.link, error: null });
    end.process.run();
  }

  /** Breaks a stream: what is on its way is lost. */
  reset(end: End): void {
    for (const each of [end, end.other!]) {
      each.arriving = [];
      each.closing = true;
    }
  }

  /** From now on nothing arrives on a stream, and nobody is told. */
  halfOpen(end: End): void {
    end.mute = true;
    end.other!.mute = true;
  }

  perform(process: WiredProcess, effect: PeerEffect): void {
    const end = process.ends.get(effect.link);
    switch (effect.type) {
      case 'dial':
        process.ends.set(effect.link, newEnd(process, effect.link));
        this.#dials.push({ from: process, effect });
        return;
      case 'write':
        if (end === undefined || end.over || end.other === undefined) return;
        for (const buffer of effect.buffers) if (buffer.length > 0) end.other.arriving.push(buffer);
        return;
      case 'close':
        if (end === undefined || end.over) return;
        end.over = true;
        if (end.other !== undefined) end.other.closing = true;
        return;
      case 'hand-over':
        process.handedOver.push(effect.bytes);
    }
  }

  #newLink(): number {
    this.#nextLink += 2;
    return this.#nextLink;
  }

  /** Somebody who is no member connects, and says something. */
  stranger(to: WiredProcess): Stranger {
    return new Stranger(this, to, this.#newLink());
  }
}

/** A stream whose other end is in the test's own hands. */
export class Stranger {
  readonly link: number;
  readonly #network: WiredNetwork;
  readonly #to: WiredProcess;
  readonly #own: End;

  constructor(network: WiredNetwork, to: WiredProcess, link: number) {
    this.link = link;
    this.#network = network;
    this.#to = to;
    const end = newEnd(to, link);
    this.#own = newEnd(to, -link);
    this.#own.other = end;
    end.other = this.#own;
    to.ends.set(link, end);
    to.peers.handle({ type: 'link-accepted', link, certifiedNames: undefined });
    to.run();
  }

  say(bytes: Uint8Array): void {
    this.#to.peers.handle({ type: 'link-received', link: this.link, bytes: bytes.slice() });
    this.#to.run();
    this.#network.settle();
  }

  /** All that came so far. */
  get heard(): Uint8Array {
    const { arriving } = this.#own;
    const all = new Uint8Array(arriving.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const bytes of arriving) {
      all.set(bytes, at);
      at += bytes.length;
    }
    return all;
  }

  /** Whether the stream was closed by the other side. */
  get closed(): boolean {
    return this.#own.closing;
  }
}

function newEnd(process: WiredProcess, link: number): End {
  return {
    process,
    link,
    other: undefined,
    arriving: [],
    closing: false,
    over: false,
    mute: false,
  };
}

/** Members 1 … `count` of one cluster, each knowing the others, at addresses `m1:1` … */
export function startMembers(
  network: WiredNetwork,
  count: number,
  options: (member: number) => ProcessOptions = () => ({}),
): WiredProcess[] {
  const ids = Array.from({ length: count }, (_, at) => at + 1);
  const made = ids.map((member) => network.start(`m${member}:1`, { member, ...options(member) }));
  for (const process of made) process.peers.setPeers(recordsOf(ids));
  return made;
}

/** What a cluster knows of members at `m1:1` … */
export function recordsOf(
  members: readonly number[],
  changes: Readonly<Record<number, Partial<PeerRecord>>> = {},
): ReadonlyMap<number, PeerRecord> {
  return new Map(
    members.map((member) => [
      member,
      {
        name: `m${member}`,
        address: `m${member}:1`,
        incarnation: 1000 + member,
        removed: false,
        ...changes[member],
      },
    ]),
  );
}
