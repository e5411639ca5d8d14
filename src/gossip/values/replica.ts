/**
 * One member's part in the sharing of values, without any I/O: bytes of messages go in, messages to
 * send come out, and whoever drives it owns the timers and the network.
 *
 * Two mechanisms, as in "Epidemic Algorithms for Replicated Database Maintenance" (Demers and
 * others, 1987). Rumours: {@link ValuesReplica.gossip} sends fresh entries to a few members at each
 * interval. Anti-entropy: {@link ValuesReplica.compare} compares hashes with one member and
 * exchanges what differs, in both directions, so that whatever rumours missed is repaired.
 *
 * Invariant: what is in the store depends on the set of entries received and on nothing else.
 */
import { assert } from '../../base/assert.ts';
import { QuorateError } from '../../base/errors.ts';
import type { Random } from '../../ports/random.ts';
import { Broadcasts } from './broadcasts.ts';
import { compareEntries, type Entry, type EntryKey, encodeEntry, hashBytes } from './entry.ts';
import {
  decodeMessage,
  encodeMessage,
  type Signed,
  type ValuesMessage,
  type VersionedKey,
} from './message.ts';
import { compareStamps, HybridClock } from './stamp.ts';
import { bucketCount, type StoreLimits, ValuesStore } from './store.ts';

/** Entries learnt together in larger numbers than this are no news, but a member catching up. */
const newsMax = 64;

/** What a {@link ValuesReplica} needs. */
export interface ReplicaOptions extends StoreLimits {
  /** This member's name, unique in the cluster. */
  readonly name: string;
  readonly random: Random;
  /** The wall clock, in milliseconds since 1970. */
  readonly wallMs: () => number;
  /** How far ahead of this member's clock an entry's stamp may be, in milliseconds. */
  readonly driftMaxMs: number;
  /** The largest message that goes into a packet; larger ones need a stream. */
  readonly packetBytesMax: number;
  /** To how many members fresh entries go at each interval. */
  readonly fanout: number;
  /** The factor of how often an entry is sent. */
  readonly retransmitMult: number;
  /** The living members that share values, without this one. */
  readonly peers: () => readonly string[];
  /** Told of every change, own or learnt, after it is in the store. */
  readonly onChange: (entry: Entry, previous: Entry | undefined) => void;
  /** Told that this member now has all that `peer` had. */
  readonly onCompared: (peer: string) => void;
}

/** A message to a member, to be sent by packet or by stream according to its size. */
export interface Outgoing {
  readonly to: string;
  readonly bytes: Uint8Array;
}

/** Counts of what went wrong, for metrics and warnings. */
export interface ReplicaCounts {
  /** Messages that could not be read. */
  malformed: number;
  /** Entries refused because their stamp is too far ahead. */
  fromTheFuture: number;
  /** Entries refused because the store is full. */
  overLimit: number;
}

/** Shares values; see the module's comment. */
export class ValuesReplica {
  readonly store: ValuesStore;
  readonly counts: ReplicaCounts = { malformed: 0, fromTheFuture: 0, overLimit: 0 };
  readonly #options: ReplicaOptions;
  readonly #clock: HybridClock;
  readonly #broadcasts = new Broadcasts();
  /** The round of the last comparison that this member started. */
  #round: number;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.store = new ValuesStore(options);
    this.#clock = new HybridClock({
      writer: options.name,
      wallMs: options.wallMs,
      driftMaxMs: options.driftMaxMs,
    });
    // Begins at random, so that an answer to a previous life of this member is not taken for ours.
    this.#round = options.random.uint32();
  }

  /** How many fresh entries are still being spread. */
  get spreading(): number {
    return this.#broadcasts.size;
  }

  /**
   * Writes a value, or deletes it if `value` is undefined, and begins to spread it.
   * Throws `gossip-values-full`; nothing has changed then.
   */
  write(key: EntryKey, value: Uint8Array | undefined): void {
    const previous = this.store.get(key);
    const { collection, key: name } = key;
    const entry = { collection, key: name, stamp: this.#clock.next(), value };
    assert(
      previous === undefined || compareStamps(previous.stamp, entry.stamp) < 0,
      'a write is newer than what it overwrites',
    );
    this.store.put(entry);
    this.#broadcasts.add(entry);
    this.#options.onChange(entry, previous);
  }

  /** Takes in a message; returns the answers. A malformed message is counted and dropped. */
  receive(bytes: Uint8Array): Outgoing[] {
    let signed: Signed;
    try {
      signed = decodeMessage(bytes);
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      this.counts.malformed++;
      return [];
    }
    return this.#answer(signed);
  }

  /** Fresh entries for a few members; call it at every gossip interval. */
  gossip(): Outgoing[] {
    if (this.#broadcasts.size === 0) return [];
    const peers = this.#options.peers();
    const sendsMax =
      this.#options.retransmitMult * Math.max(1, Math.ceil(Math.log10(peers.length + 2)));
    const room = this.#options.packetBytesMax - this.#options.name.length * 4;
    const outgoing: Outgoing[] = [];
    for (const peer of this.#sample(peers, this.#options.fanout)) {
      const entries = this.#broadcasts.take(room, sendsMax);
      if (entries.length > 0) outgoing.push(this.#to(peer, { type: 'delta', entries }));
    }
    return outgoing;
  }

  /** Begins to compare stores with `peer`, or else with any one; call it now and then. */
  compare(peer?: string): Outgoing[] {
    const chosen = peer ?? this.#sample(this.#options.peers(), 1)[0];
    if (chosen === undefined) return [];
    this.#round = (this.#round + 1) % 2 ** 32;
    const hash = hashOf(this.store.bucketHashes(this.#clock.nowMs()));
    return [this.#to(chosen, { type: 'summary', round: this.#round, hash })];
  }

  /** Forgets old tombstones; call it now and then. Returns how many. */
  reap(): number {
    return this.store.reap(this.#clock.nowMs());
  }

  #answer({ from, message }: Signed): Outgoing[] {
    switch (message.type) {
      case 'delta':
        this.#learn(message.entries);
        return [];
      case 'summary': {
        const hashes = this.store.bucketHashes(this.#clock.nowMs());
        const { round } = message;
        if (hashOf(hashes) === message.hash) return [this.#to(from, { type: 'same', round })];
        return [this.#to(from, { type: 'buckets', round, hashes })];
      }
      case 'same':
        if (message.round === this.#round) this.#options.onCompared(from);
        return [];
      case 'buckets':
        return this.#listKeys(from, message.round, message.hashes);
      case 'keys':
        return this.#exchange(from, message);
      case 'exchange': {
        this.#learn(message.entries);
        if (message.round === this.#round) this.#options.onCompared(from);
        const entries: Entry[] = [];
        for (const key of message.wanted) {
          const entry = this.store.get(key);
          if (entry !== undefined) entries.push(entry);
        }
        return entries.length === 0 ? [] : [this.#to(from, { type: 'delta', entries })];
      }
    }
  }

  /** Answers `buckets`: which keys, in which versions, are here in the buckets that differ. */
  #listKeys(from: string, round: number, theirs: Uint32Array): Outgoing[] {
    const nowMs = this.#clock.nowMs();
    const ours = this.store.bucketHashes(nowMs);
    const buckets: number[] = [];
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      const at = bucket * 2;
      if (ours[at] !== theirs[at] || ours[at + 1] !== theirs[at + 1]) buckets.push(bucket);
    }
    const keys: VersionedKey[] = [];
    for (const entry of this.store.entriesIn(new Set(buckets), nowMs)) {
      const { collection, key, stamp } = entry;
      keys.push({ collection, key, stamp, hash: this.store.hashOf(entry) });
    }
    return [this.#to(from, { type: 'keys', round, buckets, keys })];
  }

  /** Answers `keys`: what is newer here, and which keys are newer there. */
  #exchange(from: string, message: Extract<ValuesMessage, { type: 'keys' }>): Outgoing[] {
    const theirs = new Map<string, VersionedKey>();
    for (const key of message.keys) theirs.set(`${key.collection}\u0000${key.key}`, key);
    const entries: Entry[] = [];
    const wanted: EntryKey[] = [];
    for (const entry of this.store.entriesIn(new Set(message.buckets), this.#clock.nowMs())) {
      const id = `${entry.collection}\u0000${entry.key}`;
      const their = theirs.get(id);
      theirs.delete(id);
      const order = their === undefined ? 1 : compareStamps(entry.stamp, their.stamp);
      // Equal stamps on different entries are rare: both send, and both choose the same winner.
      const torn = order === 0 && their?.hash !== this.store.hashOf(entry);
      if (order > 0 || torn) entries.push(entry);
      if (order < 0 || torn) wanted.push({ collection: entry.collection, key: entry.key });
    }
    for (const { collection, key } of theirs.values()) wanted.push({ collection, key });
    const { round } = message;
    return [this.#to(from, { type: 'exchange', round, entries, wanted })];
  }

  #learn(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (!this.#clock.witness(entry.stamp)) {
        this.counts.fromTheFuture++;
        continue;
      }
      const previous = this.store.get(entry);
      const result = this.store.merge(entry, this.#clock.nowMs());
      if (result === 'full') this.counts.overLimit++;
      if (result !== 'applied') continue;
      assert(previous === undefined || compareEntries(previous, entry) < 0, 'the greater wins');
      if (entries.length <= newsMax) this.#broadcasts.add(entry);
      this.#options.onChange(entry, previous);
    }
  }

  #to(to: string, message: ValuesMessage): Outgoing {
    return { to, bytes: encodeMessage({ from: this.#options.name, message }) };
  }

  #sample(peers: readonly string[], count: number): string[] {
    const left = [...peers];
    const chosen: string[] = [];
    while (chosen.length < count && left.length > 0) {
      const index = this.#options.random.below(left.length);
      chosen.push(left[index]!);
      left[index] = left[left.length - 1]!;
      left.pop();
    }
    return chosen;
  }
}

/** One number, of 53 bits, for the hashes of all buckets. */
function hashOf(buckets: Uint32Array): number {
  const bytes = new Uint8Array(buckets.length * 4);
  const view = new DataView(bytes.buffer);
  buckets.forEach((half, index) => {
    view.setUint32(index * 4, half);
  });
  const { high, low } = hashBytes(bytes);
  return (high & 0x1fffff) * 2 ** 32 + low;
}

/** The size of `entry` on the wire, for checks before it is written. */
export function entryBytes(entry: Entry): number {
  return encodeEntry(entry).length;
}
