/**
 * The requests that matter for speed, read by hand: what the generated code does is an order of
 * magnitude slower. Only the usual form is read here; whatever is unusual, or malformed, is left to
 * the generated code, so that there is one place that says what it means. A property test holds the
 * two together.
 */
import type * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';

const nothing: Uint8Array = new Uint8Array(0);

/** Reads fields one after the other; `odd` once anything is not as usual. */
class FieldReader {
  odd = false;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get more(): boolean {
    return !this.odd && this.#at < this.#bytes.length;
  }

  /** A tag of one byte, or any other byte. */
  tag(): number {
    return this.#bytes[this.#at++]!;
  }

  /** A number in 0 … 2^49 − 1, in up to seven bytes: larger and negative ones are unusual. */
  number(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 49; scale *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) break;
      if (byte < 128) return value + byte * scale;
      value += (byte - 128) * scale;
    }
    this.odd = true;
    return 0;
  }

  /** A number that must be below `limit` to be usual. */
  small(limit: number): number {
    const value = this.number();
    if (value >= limit) this.odd = true;
    return value;
  }

  /** A view, not a copy. */
  bytes(): Uint8Array {
    const length = this.number();
    const end = this.#at + length;
    if (this.odd || end > this.#bytes.length) {
      this.odd = true;
      return nothing;
    }
    const found = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return found;
  }
}

/** PutRequest; undefined if it is not of the usual form. */
export function decodePutRequest(bytes: Uint8Array): pb.PutRequest | undefined {
  const reader = new FieldReader(bytes);
  let key: Uint8Array = nothing;
  let value = nothing;
  let lease = 0;
  let prevKv = false;
  let ignoreValue = false;
  let ignoreLease = false;
  while (reader.more) {
    switch (reader.tag()) {
      case 0x0a:
        key = reader.bytes();
        break;
      case 0x12:
        value = reader.bytes();
        break;
      case 0x18:
        lease = reader.number();
        break;
      case 0x20:
        prevKv = reader.small(2) === 1;
        break;
      case 0x28:
        ignoreValue = reader.small(2) === 1;
        break;
      case 0x30:
        ignoreLease = reader.small(2) === 1;
        break;
      default:
        return undefined;
    }
  }
  if (reader.odd) return undefined;
  return {
    $typeName: 'etcdserverpb.PutRequest',
    key,
    value,
    lease: lease === 0 ? 0n : BigInt(lease),
    prevKv,
    ignoreValue,
    ignoreLease,
  };
}

/** RangeRequest; undefined if it is not of the usual form, such as one with bounds on revisions. */
export function decodeRangeRequest(bytes: Uint8Array): pb.RangeRequest | undefined {
  const reader = new FieldReader(bytes);
  let key: Uint8Array = nothing;
  let rangeEnd = nothing;
  let limit = 0;
  let revision = 0;
  let sortOrder = 0;
  let sortTarget = 0;
  let serializable = false;
  let keysOnly = false;
  let countOnly = false;
  while (reader.more) {
    switch (reader.tag()) {
      case 0x0a:
        key = reader.bytes();
        break;
      case 0x12:
        rangeEnd = reader.bytes();
        break;
      case 0x18:
        limit = reader.number();
        break;
      case 0x20:
        revision = reader.number();
        break;
      case 0x28:
        sortOrder = reader.small(3);
        break;
      case 0x30:
        sortTarget = reader.small(5);
        break;
      case 0x38:
        serializable = reader.small(2) === 1;
        break;
      case 0x40:
        keysOnly = reader.small(2) === 1;
        break;
      case 0x48:
        countOnly = reader.small(2) === 1;
        break;
      default:
        return undefined;
    }
  }
  if (reader.odd) return undefined;
  return {
    $typeName: 'etcdserverpb.RangeRequest',
    key,
    rangeEnd,
    limit: limit === 0 ? 0n : BigInt(limit),
    revision: revision === 0 ? 0n : BigInt(revision),
    sortOrder: sortOrder as pb.RangeRequest_SortOrder,
    sortTarget: sortTarget as pb.RangeRequest_SortTarget,
    serializable,
    keysOnly,
    countOnly,
    minModRevision: 0n,
    maxModRevision: 0n,
    minCreateRevision: 0n,
    maxCreateRevision: 0n,
  };
}
