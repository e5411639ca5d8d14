/**
 * The answers that matter for speed as bytes, written for each message: key-value pairs, events and
 * what holds them. The generated code does the same an order of magnitude slower; a property test
 * holds the two together.
 *
 * Protobuf in short: a field is its number and kind as a varint, then a varint, or a length and as
 * many bytes. What lies inside another message needs its length first, so sizes are worked out
 * before anything is written. Fields of value zero are left out.
 */
import { prefixBytes } from '../../grpc/frame.ts';
import { roomBytes } from '../../mvcc/key-pages.ts';
import type * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';
import type * as mvccpb from '../proto/gen/mvccpb/kv_pb.ts';

/** Bytes of a 64-bit number as a varint; negative ones take ten. */
function varintBytes(value: bigint): number {
  const exact = Number(value);
  // Bit operations on whole numbers of 31 bits, which almost all are, cost next to nothing.
  if (exact >= 0 && exact < 2 ** 31) {
    return exact < 2 ** 7 ? 1 : exact < 2 ** 14 ? 2 : exact < 2 ** 21 ? 3 : exact < 2 ** 28 ? 4 : 5;
  }
  let bytes = 1;
  if (exact >= 0 && exact < 2 ** 53) {
    for (let rest = exact; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
    return bytes;
  }
  for (let rest = BigInt.asUintN(64, value); rest >= 128n; rest >>= 7n) bytes++;
  return bytes;
}

function lengthBytes(length: number): number {
  return length < 128 ? 1 : length < 16_384 ? 2 : length < 2_097_152 ? 3 : length < 2 ** 28 ? 4 : 5;
}

/** A number with its tag of one byte, unless it is zero. */
const numberField = (value: bigint): number => (value === 0n ? 0 : 1 + varintBytes(value));
const boolField = (value: boolean): number => (value ? 2 : 0);
const bytesField = ({ length }: Uint8Array): number =>
  length === 0 ? 0 : 1 + lengthBytes(length) + length;
/** A message with its tag and length, even if it is empty. */
const messageField = (size: number): number => 1 + lengthBytes(size) + size;

/** Writes into a buffer of exactly the right size. */
class FieldWriter {
  readonly buffer: Uint8Array;
  #at: number;

  /** @param from where in the buffer it begins to write */
  constructor(buffer: Uint8Array, from = 0) {
    this.buffer = buffer;
    this.#at = from;
  }

  /** For a message of that size, with room for gRPC's prefix before it. */
  static ofSize(size: number): FieldWriter {
    return new FieldWriter(new Uint8Array(prefixBytes + size), prefixBytes);
  }

  /** What was written, without the room before it. */
  get message(): Uint8Array {
    return this.buffer.subarray(prefixBytes, this.#at);
  }

  get at(): number {
    return this.#at;
  }

  number(tag: number, value: bigint): void {
    if (value === 0n) return;
    this.buffer[this.#at++] = tag;
    const exact = Number(value);
    if (exact > 0 && exact < 2 ** 53) return this.#varint(exact);
    let rest = BigInt.asUintN(64, value);
    while (rest >= 128n) {
      this.buffer[this.#at++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.buffer[this.#at++] = Number(rest);
  }

  bool(tag: number, value: boolean): void {
    if (!value) return;
    this.buffer[this.#at++] = tag;
    this.buffer[this.#at++] = 1;
  }

  bytes(tag: number, value: Uint8Array): void {
    if (value.length === 0) return;
    this.open(tag, value.length);
    this.buffer.set(value, this.#at);
    this.#at += value.length;
  }

  /** Fields that are bytes already. */
  raw(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Begins a message of that size. */
  open(tag: number, size: number): void {
    this.buffer[this.#at++] = tag;
    this.#varint(size);
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.buffer[this.#at++] = (rest % 128) | 128;
      rest = rest < 2 ** 31 ? rest >>> 7 : Math.floor(rest / 128);
    }
    this.buffer[this.#at++] = rest;
  }
}

/** Tag of a field of a number (kind 0), and of one with a length (kind 2). */
const varint = (field: number): number => field << 3;
const delimited = (field: number): number => (field << 3) | 2;

/** Who answers, in bytes: a member says the same two large numbers in every answer. */
let lastMember: { clusterId: bigint; memberId: bigint; bytes: Uint8Array } = {
  clusterId: 0n,
  memberId: 0n,
  bytes: new Uint8Array(0),
};

function memberBytes({ clusterId, memberId }: pb.ResponseHeader): Uint8Array {
  if (lastMember.clusterId !== clusterId || lastMember.memberId !== memberId) {
    const writer = FieldWriter.ofSize(numberField(clusterId) + numberField(memberId));
    writer.number(varint(1), clusterId);
    writer.number(varint(2), memberId);
    lastMember = { clusterId, memberId, bytes: writer.message };
  }
  return lastMember.bytes;
}

function headerSize(header: pb.ResponseHeader): number {
  const { revision, raftTerm } = header;
  return memberBytes(header).length + numberField(revision) + numberField(raftTerm);
}

const headerField = (header: pb.ResponseHeader | undefined): number =>
  header === undefined ? 0 : messageField(headerSize(header));

function writeHeader(writer: FieldWriter, header: pb.ResponseHeader | undefined): void {
  if (header === undefined) return;
  writer.open(delimited(1), headerSize(header));
  writer.raw(memberBytes(header));
  writer.number(varint(3), header.revision);
  writer.number(varint(4), header.raftTerm);
}

function keyValueSize(kv: mvccpb.KeyValue): number {
  return (
    bytesField(kv.key) +
    numberField(kv.createRevision) +
    numberField(kv.modRevision) +
    numberField(kv.version) +
    bytesField(kv.value) +
    numberField(kv.lease)
  );
}

function writeKeyValue(
  writer: FieldWriter,
  field: number,
  kv: mvccpb.KeyValue,
  size = keyValueSize(kv),
): void {
  writer.open(delimited(field), size);
  writer.bytes(delimited(1), kv.key);
  writer.number(varint(2), kv.createRevision);
  writer.number(varint(3), kv.modRevision);
  writer.number(varint(4), kv.version);
  writer.bytes(delimited(5), kv.value);
  writer.number(varint(6), kv.lease);
}

const keyValueField = (kv: mvccpb.KeyValue | undefined): number =>
  kv === undefined ? 0 : messageField(keyValueSize(kv));

function keyValuesField(kvs: readonly mvccpb.KeyValue[]): number {
  let size = 0;
  for (const kv of kvs) size += keyValueField(kv);
  return size;
}

/** Pairs that are bytes already, with room before and behind them: see `mvcc/key-pages.ts`. */
const pairsOf = new WeakMap<pb.RangeResponse, Uint8Array>();

/** Says that the pairs of an answer are at hand as bytes; they are then sent in that buffer. */
export function keepPairs(response: pb.RangeResponse, bytes: Uint8Array): void {
  pairsOf.set(response, bytes);
}

/** Writes what surrounds the pairs where room was left for it. */
function surround({ header, more, count }: pb.RangeResponse, bytes: Uint8Array): Uint8Array {
  const from = roomBytes - headerField(header);
  writeHeader(new FieldWriter(bytes, from), header);
  const behind = new FieldWriter(bytes, bytes.length - roomBytes);
  behind.bool(varint(3), more);
  behind.number(varint(4), count);
  return bytes.subarray(from, behind.at);
}

/** RangeResponse. */
export function encodeRangeResponse(response: pb.RangeResponse): Uint8Array {
  const pairs = pairsOf.get(response);
  if (pairs !== undefined) return surround(response, pairs);
  const { header, kvs, more, count } = response;
  let size = headerField(header) + boolField(more) + numberField(count);
  // Worked out once for each, since there may be thousands.
  const sizes = new Uint32Array(kvs.length);
  for (let at = 0; at < kvs.length; at++) {
    const each = keyValueSize(kvs[at]!);
    sizes[at] = each;
    size += messageField(each);
  }
  const writer = FieldWriter.ofSize(size);
  writeHeader(writer, header);
  for (let at = 0; at < kvs.length; at++) writeKeyValue(writer, 2, kvs[at]!, sizes[at]);
  writer.bool(varint(3), more);
  writer.number(varint(4), count);
  return writer.message;
}

/** PutResponse. */
export function encodePutResponse({ header, prevKv }: pb.PutResponse): Uint8Array {
  const writer = FieldWriter.ofSize(headerField(header) + keyValueField(prevKv));
  writeHeader(writer, header);
  if (prevKv !== undefined) writeKeyValue(writer, 2, prevKv);
  return writer.message;
}

/** DeleteRangeResponse. */
export function encodeDeleteRangeResponse(response: pb.DeleteRangeResponse): Uint8Array {
  const { header, deleted, prevKvs } = response;
  const size = headerField(header) + numberField(deleted) + keyValuesField(prevKvs);
  const writer = FieldWriter.ofSize(size);
  writeHeader(writer, header);
  writer.number(varint(2), deleted);
  for (const kv of prevKvs) writeKeyValue(writer, 3, kv);
  return writer.message;
}

/** The field of a ResponseOp for each kind of answer. */
const operationFields = {
  responseRange: 1,
  responsePut: 2,
  responseDeleteRange: 3,
  responseTxn: 4,
} as const;

function encodeOperationResponse({ response }: pb.ResponseOp): Uint8Array {
  switch (response.case) {
    case 'responseRange':
      return encodeRangeResponse(response.value);
    case 'responsePut':
      return encodePutResponse(response.value);
    case 'responseDeleteRange':
      return encodeDeleteRangeResponse(response.value);
    case 'responseTxn':
      return encodeTxnResponse(response.value);
    default:
      return new Uint8Array(0);
  }
}

/** TxnResponse. The answers in it are bytes first, for some of them are that already. */
export function encodeTxnResponse({ header, succeeded, responses }: pb.TxnResponse): Uint8Array {
  const inner = responses.map(encodeOperationResponse);
  let size = headerField(header) + boolField(succeeded);
  for (const [at, bytes] of inner.entries()) {
    size += messageField(operationSize(responses[at]!, bytes));
  }
  const writer = FieldWriter.ofSize(size);
  writeHeader(writer, header);
  writer.bool(varint(2), succeeded);
  for (const [at, bytes] of inner.entries()) {
    const operation = responses[at]!;
    writer.open(delimited(3), operationSize(operation, bytes));
    if (operation.response.case === undefined) continue;
    writer.open(delimited(operationFields[operation.response.case]), bytes.length);
    writer.raw(bytes);
  }
  return writer.message;
}

function operationSize({ response }: pb.ResponseOp, bytes: Uint8Array): number {
  return response.case === undefined ? 0 : messageField(bytes.length);
}

function eventSize({ type, kv, prevKv }: mvccpb.Event): number {
  return boolField(type !== 0) + keyValueField(kv) + keyValueField(prevKv);
}

/** The events of a WatchResponse, as they stand in it: many watches may be told the same. */
export function encodeEvents(events: readonly mvccpb.Event[]): Uint8Array {
  if (events.length === 0) return noBytes;
  let size = 0;
  for (const event of events) size += messageField(eventSize(event));
  const writer = new FieldWriter(new Uint8Array(size));
  for (const event of events) {
    writer.open(delimited(11), eventSize(event));
    // The only type beside zero is a deletion, which is one.
    writer.bool(varint(1), event.type !== 0);
    if (event.kv !== undefined) writeKeyValue(writer, 2, event.kv);
    if (event.prevKv !== undefined) writeKeyValue(writer, 3, event.prevKv);
  }
  return writer.buffer;
}

/** A WatchResponse whose events may be at hand as bytes: see {@link encodeEvents}. */
export interface EncodableWatchResponse extends pb.WatchResponse {
  readonly encodedEvents?: Uint8Array;
}

const text = new TextEncoder();
const noBytes = new Uint8Array(0);

/** The header of the last answer of a watch, as bytes: all watches of a turn have the same. */
let lastHeader: { header: pb.ResponseHeader | undefined; bytes: Uint8Array } = {
  header: undefined,
  bytes: noBytes,
};

function headerBytes(header: pb.ResponseHeader | undefined): Uint8Array {
  if (lastHeader.header !== header) {
    const writer = new FieldWriter(new Uint8Array(headerField(header)));
    writeHeader(writer, header);
    lastHeader = { header, bytes: writer.buffer };
  }
  return lastHeader.bytes;
}

/** WatchResponse. Headers are taken to be what they were when the same object was last seen. */
export function encodeWatchResponse(response: EncodableWatchResponse): Uint8Array {
  const { watchId, created, canceled, compactRevision, fragment } = response;
  const header = headerBytes(response.header);
  const reason = response.cancelReason === '' ? noBytes : text.encode(response.cancelReason);
  const events = response.encodedEvents ?? encodeEvents(response.events);
  const writer = FieldWriter.ofSize(
    header.length +
      numberField(watchId) +
      boolField(created) +
      boolField(canceled) +
      numberField(compactRevision) +
      bytesField(reason) +
      boolField(fragment) +
      events.length,
  );
  writer.raw(header);
  writer.number(varint(2), watchId);
  writer.bool(varint(3), created);
  writer.bool(varint(4), canceled);
  writer.number(varint(5), compactRevision);
  writer.bytes(delimited(6), reason);
  writer.bool(varint(7), fragment);
  writer.raw(events);
  return writer.message;
}
