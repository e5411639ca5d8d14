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

  /** A message inside this one: a reader of its own. */
  message(): FieldReader {
    return new FieldReader(this.bytes());
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
  return readPut(new FieldReader(bytes));
}

function readPut(reader: FieldReader): pb.PutRequest | undefined {
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
  return readRange(new FieldReader(bytes));
}

function readRange(reader: FieldReader): pb.RangeRequest | undefined {
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

/** DeleteRangeRequest; undefined if it is not of the usual form. */
export function decodeDeleteRangeRequest(bytes: Uint8Array): pb.DeleteRangeRequest | undefined {
  return readDeleteRange(new FieldReader(bytes));
}

function readDeleteRange(reader: FieldReader): pb.DeleteRangeRequest | undefined {
  let key: Uint8Array = nothing;
  let rangeEnd = nothing;
  let prevKv = false;
  while (reader.more) {
    switch (reader.tag()) {
      case 0x0a:
        key = reader.bytes();
        break;
      case 0x12:
        rangeEnd = reader.bytes();
        break;
      case 0x18:
        prevKv = reader.small(2) === 1;
        break;
      default:
        return undefined;
    }
  }
  if (reader.odd) return undefined;
  return { $typeName: 'etcdserverpb.DeleteRangeRequest', key, rangeEnd, prevKv };
}

/** TxnRequest; undefined if it is not of the usual form, such as one with others inside it. */
export function decodeTxnRequest(bytes: Uint8Array): pb.TxnRequest | undefined {
  const reader = new FieldReader(bytes);
  const compare: pb.Compare[] = [];
  const success: pb.RequestOp[] = [];
  const failure: pb.RequestOp[] = [];
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 0x0a) {
      const read = readCompare(reader.message());
      if (read === undefined) return undefined;
      compare.push(read);
    } else if (tag === 0x12 || tag === 0x1a) {
      const read = readOperation(reader.message());
      if (read === undefined) return undefined;
      (tag === 0x12 ? success : failure).push(read);
    } else return undefined;
  }
  if (reader.odd) return undefined;
  return { $typeName: 'etcdserverpb.TxnRequest', compare, success, failure };
}

/** Exactly one field: an empty operation means something, and several are merged, elsewhere. */
function readOperation(reader: FieldReader): pb.RequestOp | undefined {
  if (!reader.more) return undefined;
  const tag = reader.tag();
  const message = reader.message();
  if (reader.more || reader.odd) return undefined;
  const request = readRequest(tag, message);
  return request && { $typeName: 'etcdserverpb.RequestOp', request };
}

function readRequest(tag: number, message: FieldReader): pb.RequestOp['request'] | undefined {
  switch (tag) {
    case 0x0a: {
      const value = readRange(message);
      return value && { case: 'requestRange', value };
    }
    case 0x12: {
      const value = readPut(message);
      return value && { case: 'requestPut', value };
    }
    case 0x1a: {
      const value = readDeleteRange(message);
      return value && { case: 'requestDeleteRange', value };
    }
    default:
      return undefined;
  }
}

function readCompare(reader: FieldReader): pb.Compare | undefined {
  let result = 0;
  let target = 0;
  let key: Uint8Array = nothing;
  let rangeEnd = nothing;
  let targetUnion: pb.Compare['targetUnion'] = { case: undefined };
  while (reader.more) {
    switch (reader.tag()) {
      case 0x08:
        result = reader.small(4);
        break;
      case 0x10:
        target = reader.small(5);
        break;
      case 0x1a:
        key = reader.bytes();
        break;
      case 0x20:
        targetUnion = { case: 'version', value: BigInt(reader.number()) };
        break;
      case 0x28:
        targetUnion = { case: 'createRevision', value: BigInt(reader.number()) };
        break;
      case 0x30:
        targetUnion = { case: 'modRevision', value: BigInt(reader.number()) };
        break;
      case 0x3a:
        targetUnion = { case: 'value', value: reader.bytes() };
        break;
      case 0x40:
        targetUnion = { case: 'lease', value: BigInt(reader.number()) };
        break;
      // The end of a range has a number of two bytes, 64.
      case 0x82:
        if (reader.tag() !== 0x04) return undefined;
        rangeEnd = reader.bytes();
        break;
      default:
        return undefined;
    }
  }
  if (reader.odd) return undefined;
  return {
    $typeName: 'etcdserverpb.Compare',
    result: result as pb.Compare_CompareResult,
    target: target as pb.Compare_CompareTarget,
    key,
    rangeEnd,
    targetUnion,
  };
}
