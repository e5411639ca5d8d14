/**
 * Key-value pairs in the form in which etcd's clients are told them: `mvccpb.KeyValue`, each as an
 * element of field 2 of `RangeResponse`. To put an answer together is then to copy bytes.
 *
 * Protobuf in short: a field is its number and kind as one byte here, then a varint, or a length as a
 * varint and as many bytes; fields of value zero are left out. A pair begins with its key, which is
 * never empty.
 */
import { assert } from '../base/assert.ts';
import { numberBytes } from '../base/binary.ts';
import type { KeyValue } from './request.ts';

/** Field 2 with a length: an element of `kvs`. */
const pairTag = 0x12;
const tags = { key: 0x0a, create: 0x10, mod: 0x18, version: 0x20, value: 0x2a, lease: 0x30 };

/** Pairs that lie side by side, and where each of them begins. */
export interface Pairs {
  readonly bytes: Uint8Array;
  /** One more than there are pairs: the last is where they end. */
  readonly starts: readonly number[];
}

/** Gathers pairs in one buffer that grows by doubling. */
export class PairWriter {
  #bytes = new Uint8Array(0);
  #at = 0;
  #starts: number[] = [0];

  get length(): number {
    return this.#at;
  }

  add(pair: KeyValue): void {
    const size = pairBytes(pair);
    this.#reserve(1 + numberBytes(size) + size);
    this.#bytes[this.#at++] = pairTag;
    this.#varint(size);
    this.#field(tags.key, pair.key);
    this.#number(tags.create, pair.createRevision);
    this.#number(tags.mod, pair.modRevision);
    this.#number(tags.version, pair.version);
    if (pair.value.length > 0) this.#field(tags.value, pair.value);
    if (pair.lease !== 0n) this.#lease(pair.lease);
    this.#starts.push(this.#at);
  }

  /** Copies some of the pairs that were written elsewhere, from the `low`th up to the `high`th. */
  copy({ bytes, starts }: Pairs, low: number, high: number): void {
    if (low === high) return;
    const from = starts[low]!;
    const end = starts[high]!;
    this.#reserve(end - from);
    this.#bytes.set(bytes.subarray(from, end), this.#at);
    const shift = this.#at - from;
    for (let at = low + 1; at <= high; at++) this.#starts.push(starts[at]! + shift);
    this.#at += end - from;
  }

  /** What was written, in a buffer of its own; the writer begins anew. */
  finish(): Pairs {
    const pairs = { bytes: this.#bytes.slice(0, this.#at), starts: this.#starts };
    this.#at = 0;
    this.#starts = [0];
    return pairs;
  }

  #number(tag: number, value: number): void {
    if (value === 0) return;
    this.#bytes[this.#at++] = tag;
    this.#varint(value);
  }

  #field(tag: number, value: Uint8Array): void {
    this.#bytes[this.#at++] = tag;
    this.#varint(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  #lease(lease: bigint): void {
    this.#bytes[this.#at++] = tags.lease;
    let rest = BigInt.asUintN(64, lease);
    for (; rest >= 128n; rest >>= 7n) this.#bytes[this.#at++] = Number(rest & 127n) | 128;
    this.#bytes[this.#at++] = Number(rest);
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#at++] = (rest % 128) | 128;
      rest = rest < 2 ** 31 ? rest >>> 7 : Math.floor(rest / 128);
    }
    this.#bytes[this.#at++] = rest;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length, 16 * 2 ** 10));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }
}

/** How the key of the pair at `from` stands to `key`: as `compareBytes` of the two. */
export function comparePairKey(bytes: Uint8Array, from: number, key: Uint8Array): number {
  let at = from + 1;
  while (bytes[at++]! >= 128);
  at++;
  let length = bytes[at++]!;
  if (length >= 128) {
    length -= 128;
    for (let scale = 128; ; scale *= 128) {
      const byte = bytes[at++]!;
      length += (byte & 127) * scale;
      if (byte < 128) break;
    }
  }
  const shared = length < key.length ? length : key.length;
  for (let i = 0; i < shared; i++) {
    const difference = bytes[at + i]! - key[i]!;
    if (difference !== 0) return difference;
  }
  return length - key.length;
}

/** The pairs in `bytes[from … end − 1]` as objects, which lie in the same buffer. */
export function readPairs(bytes: Uint8Array, from: number, end: number): KeyValue[] {
  const pairs: KeyValue[] = [];
  const reader = new PairReader(bytes, from);
  while (reader.at < end) pairs.push(reader.pair());
  return pairs;
}

const nothing = new Uint8Array(0);

class PairReader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, from: number) {
    this.#bytes = bytes;
    this.at = from;
  }

  pair(): KeyValue {
    assert(this.#bytes[this.at++] === pairTag, 'a pair does not begin as pairs do');
    const size = this.#varint();
    const end = this.at + size;
    let key: Uint8Array = nothing;
    let value: Uint8Array = nothing;
    let createRevision = 0;
    let modRevision = 0;
    let version = 0;
    let lease = 0n;
    while (this.at < end) {
      const tag = this.#bytes[this.at++]!;
      if (tag === tags.key) key = this.#field();
      else if (tag === tags.value) value = this.#field();
      else if (tag === tags.create) createRevision = this.#varint();
      else if (tag === tags.mod) modRevision = this.#varint();
      else if (tag === tags.version) version = this.#varint();
      else lease = this.#lease();
    }
    return { key, value, createRevision, modRevision, version, lease };
  }

  #field(): Uint8Array {
    const length = this.#varint();
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  #lease(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#bytes[this.at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, value);
    }
  }
}

function pairBytes({ key, value, createRevision, modRevision, version, lease }: KeyValue): number {
  return (
    1 +
    numberBytes(key.length) +
    key.length +
    numberField(createRevision) +
    numberField(modRevision) +
    numberField(version) +
    (value.length === 0 ? 0 : 1 + numberBytes(value.length) + value.length) +
    (lease === 0n ? 0 : 1 + leaseBytes(lease))
  );
}

function numberField(value: number): number {
  return value === 0 ? 0 : 1 + numberBytes(value);
}

function leaseBytes(lease: bigint): number {
  let bytes = 1;
  for (let rest = BigInt.asUintN(64, lease); rest >= 128n; rest >>= 7n) bytes++;
  return bytes;
}
