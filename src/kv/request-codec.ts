/**
 * Requests on keys as bytes, as they lie in the log: compact, and the same for one request wherever
 * it is written.
 */
import type { ByteReader, ByteWriter } from '../base/binary.ts';
import { QuorateError } from '../base/errors.ts';
import type {
  Compare,
  CompareOperand,
  CompareResult,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  SortOrder,
  SortTarget,
  TxnOperation,
  TxnRequest,
} from '../mvcc/request.ts';

// Positions are the numbers in the log: only ever append.
const operationTypes: readonly TxnOperation['type'][] = ['range', 'put', 'delete-range', 'txn'];
const sortOrders: readonly SortOrder[] = ['none', 'ascend', 'descend'];
const sortTargets: readonly SortTarget[] = ['key', 'version', 'create', 'mod', 'value'];
const compareResults: readonly CompareResult[] = ['equal', 'greater', 'less', 'not-equal'];
const compareTargets: readonly CompareOperand['target'][] = [
  'version',
  'create',
  'mod',
  'value',
  'lease',
];

/** Transactions within transactions; more is refused before it is encoded. */
export const txnDepthMax = 64;

export function encodeOperation(writer: ByteWriter, request: TxnOperation): void {
  writer.byte(operationTypes.indexOf(request.type));
  switch (request.type) {
    case 'range':
      return encodeRange(writer, request);
    case 'put':
      return encodePut(writer, request);
    case 'delete-range':
      writer.bytes(request.key).bytes(request.rangeEnd).flag(request.prevKv);
      return;
    case 'txn':
      return encodeTxn(writer, request);
  }
}

/** @throws QuorateError `malformed-message` */
export function decodeOperation(reader: ByteReader, depth = 0): TxnOperation {
  const type = operationTypes[reader.byte()];
  if (type === undefined) {
    throw new QuorateError('malformed-message', 'an operation of an unknown kind');
  }
  switch (type) {
    case 'range':
      return decodeRange(reader);
    case 'put':
      return decodePut(reader);
    case 'delete-range':
      return decodeDeleteRange(reader);
    case 'txn':
      return decodeTxn(reader, depth);
  }
}

/** A lease's id: eight bytes, highest first. */
export function encodeInt64(writer: ByteWriter, value: bigint): void {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, value);
  writer.raw(bytes);
}

export function decodeInt64(reader: ByteReader): bigint {
  const { buffer, byteOffset } = reader.raw(8);
  return new DataView(buffer, byteOffset, 8).getBigInt64(0);
}

/** A number that may be negative, which then means what 0 means. */
function natural(value: number): number {
  return Math.max(value, 0);
}

function encodeRange(writer: ByteWriter, request: RangeRequest): void {
  const { keysOnly, countOnly } = request;
  writer.bytes(request.key).bytes(request.rangeEnd).number(natural(request.limit));
  writer.number(natural(request.revision));
  writer.byte(sortOrders.indexOf(request.sortOrder)).byte(sortTargets.indexOf(request.sortTarget));
  writer.byte((keysOnly ? 1 : 0) | (countOnly ? 2 : 0));
  writer.number(natural(request.minModRevision)).number(natural(request.maxModRevision));
  writer.number(natural(request.minCreateRevision)).number(natural(request.maxCreateRevision));
}

function decodeRange(reader: ByteReader): RangeRequest {
  const head = {
    type: 'range',
    key: reader.bytes(),
    rangeEnd: reader.bytes(),
    limit: reader.number(),
    revision: reader.number(),
    sortOrder: sortOrders[reader.byte()] ?? 'none',
    sortTarget: sortTargets[reader.byte()] ?? 'key',
  } as const;
  const flags = reader.byte();
  return {
    ...head,
    keysOnly: (flags & 1) !== 0,
    countOnly: (flags & 2) !== 0,
    minModRevision: reader.number(),
    maxModRevision: reader.number(),
    minCreateRevision: reader.number(),
    maxCreateRevision: reader.number(),
  };
}

function encodePut(writer: ByteWriter, request: PutRequest): void {
  const { prevKv, ignoreValue, ignoreLease, lease } = request;
  const hasLease = lease !== 0n;
  writer.byte(
    (prevKv ? 1 : 0) | (ignoreValue ? 2 : 0) | (ignoreLease ? 4 : 0) | (hasLease ? 8 : 0),
  );
  writer.bytes(request.key).bytes(request.value);
  if (hasLease) encodeInt64(writer, lease);
}

function decodePut(reader: ByteReader): PutRequest {
  const flags = reader.byte();
  return {
    type: 'put',
    key: reader.bytes(),
    value: reader.bytes(),
    lease: (flags & 8) !== 0 ? decodeInt64(reader) : 0n,
    prevKv: (flags & 1) !== 0,
    ignoreValue: (flags & 2) !== 0,
    ignoreLease: (flags & 4) !== 0,
  };
}

function decodeDeleteRange(reader: ByteReader): DeleteRangeRequest {
  const key = reader.bytes();
  const rangeEnd = reader.bytes();
  return { type: 'delete-range', key, rangeEnd, prevKv: reader.flag() };
}

function encodeTxn(writer: ByteWriter, { compare, success, failure }: TxnRequest): void {
  writer.number(compare.length);
  for (const each of compare) encodeCompare(writer, each);
  for (const branch of [success, failure]) {
    writer.number(branch.length);
    for (const operation of branch) encodeOperation(writer, operation);
  }
}

function decodeTxn(reader: ByteReader, depth: number): TxnRequest {
  if (depth > txnDepthMax) {
    throw new QuorateError('malformed-message', 'transactions are nested too deep');
  }
  const compare = Array.from({ length: reader.count(5) }, () => decodeCompare(reader));
  const branch = (): TxnOperation[] =>
    Array.from({ length: reader.count(3) }, () => decodeOperation(reader, depth + 1));
  return { type: 'txn', compare, success: branch(), failure: branch() };
}

function encodeCompare(writer: ByteWriter, { key, rangeEnd, result, operand }: Compare): void {
  writer.bytes(key).bytes(rangeEnd).byte(compareResults.indexOf(result));
  writer.byte(compareTargets.indexOf(operand.target));
  switch (operand.target) {
    case 'version':
      return encodeInt64(writer, BigInt(operand.version));
    case 'create':
      return encodeInt64(writer, BigInt(operand.createRevision));
    case 'mod':
      return encodeInt64(writer, BigInt(operand.modRevision));
    case 'lease':
      return encodeInt64(writer, operand.lease);
    case 'value':
      writer.bytes(operand.value);
  }
}

function decodeCompare(reader: ByteReader): Compare {
  const key = reader.bytes();
  const rangeEnd = reader.bytes();
  const result = compareResults[reader.byte()] ?? 'equal';
  const target = compareTargets[reader.byte()] ?? 'version';
  return { key, rangeEnd, result, operand: decodeOperand(reader, target) };
}

function decodeOperand(reader: ByteReader, target: CompareOperand['target']): CompareOperand {
  switch (target) {
    case 'version':
      return { target, version: Number(decodeInt64(reader)) };
    case 'create':
      return { target, createRevision: Number(decodeInt64(reader)) };
    case 'mod':
      return { target, modRevision: Number(decodeInt64(reader)) };
    case 'lease':
      return { target, lease: decodeInt64(reader) };
    case 'value':
      return { target, value: reader.bytes() };
  }
}
