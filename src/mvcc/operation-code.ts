/** The operations of transactions as bytes: see {@link file://./command.ts}. */
import type { ByteReader, ByteWriter } from '../base/binary.ts';
import { QuorateError } from '../base/errors.ts';
import { leaseBytes, leaseId } from './layout.ts';
import type {
  Compare,
  CompareOperand,
  CompareResult,
  PutRequest,
  RangeRequest,
  SortOrder,
  SortTarget,
  TxnOperation,
  TxnRequest,
} from './request.ts';

const types = ['range', 'put', 'delete-range', 'txn'] as const;
const sortOrders: readonly SortOrder[] = ['none', 'ascend', 'descend'];
const sortTargets: readonly SortTarget[] = ['key', 'version', 'create', 'mod', 'value'];
const results: readonly CompareResult[] = ['equal', 'greater', 'less', 'not-equal'];
const targets = ['version', 'create', 'mod', 'value', 'lease'] as const;

/** Transactions inside each other; far more than their limit of operations allows. */
const depthMax = 200;

export function writeOperation(writer: ByteWriter, operation: TxnOperation): void {
  writer.byte(types.indexOf(operation.type));
  switch (operation.type) {
    case 'range':
      return writeRange(writer, operation);
    case 'put':
      return writePut(writer, operation);
    case 'delete-range':
      writer.bytes(operation.key).bytes(operation.rangeEnd).flag(operation.prevKv);
      return;
    case 'txn':
      return writeTransaction(writer, operation);
  }
}

/** @throws QuorateError `malformed-message` */
export function readOperation(reader: ByteReader, depth = 0): TxnOperation {
  const type = oneOf(types, reader.byte());
  switch (type) {
    case 'range':
      return readRange(reader);
    case 'put':
      return readPut(reader);
    case 'delete-range':
      return { type, key: reader.bytes(), rangeEnd: reader.bytes(), prevKv: reader.flag() };
    case 'txn':
      return readTransaction(reader, depth + 1);
  }
}

export function writeTransaction(writer: ByteWriter, request: TxnRequest): void {
  writer.number(request.compare.length);
  for (const compare of request.compare) writeCompare(writer, compare);
  for (const branch of [request.success, request.failure]) {
    writer.number(branch.length);
    for (const operation of branch) writeOperation(writer, operation);
  }
}

/** @throws QuorateError `malformed-message` */
export function readTransaction(reader: ByteReader, depth = 0): TxnRequest {
  if (depth > depthMax) throw malformed('holds too many transactions inside each other');
  const compare = Array.from({ length: reader.count(5) }, () => readCompare(reader));
  const branch = (): TxnOperation[] =>
    Array.from({ length: reader.count(3) }, () => readOperation(reader, depth));
  return { type: 'txn', compare, success: branch(), failure: branch() };
}

const putFlags = { lease: 1, prevKv: 2, ignoreValue: 4, ignoreLease: 8 };

function writePut(writer: ByteWriter, request: PutRequest): void {
  const { key, value, lease, prevKv, ignoreValue, ignoreLease } = request;
  writer.byte(
    (lease === 0n ? 0 : putFlags.lease) |
      (prevKv ? putFlags.prevKv : 0) |
      (ignoreValue ? putFlags.ignoreValue : 0) |
      (ignoreLease ? putFlags.ignoreLease : 0),
  );
  writer.bytes(key).bytes(value);
  if (lease !== 0n) writer.raw(leaseBytes(lease));
}

function readPut(reader: ByteReader): PutRequest {
  const flags = reader.byte();
  const key = reader.bytes();
  const value = reader.bytes();
  return {
    type: 'put',
    key,
    value,
    lease: (flags & putFlags.lease) === 0 ? 0n : leaseId(reader.raw(8)),
    prevKv: (flags & putFlags.prevKv) !== 0,
    ignoreValue: (flags & putFlags.ignoreValue) !== 0,
    ignoreLease: (flags & putFlags.ignoreLease) !== 0,
  };
}

function writeRange(writer: ByteWriter, request: RangeRequest): void {
  writer.bytes(request.key).bytes(request.rangeEnd).byte(sortOrders.indexOf(request.sortOrder));
  writer.byte(sortTargets.indexOf(request.sortTarget));
  writer.flag(request.keysOnly).flag(request.countOnly);
  for (const number of [
    request.limit,
    request.revision,
    request.minModRevision,
    request.maxModRevision,
    request.minCreateRevision,
    request.maxCreateRevision,
  ]) {
    writeSigned(writer, number);
  }
}

function readRange(reader: ByteReader): RangeRequest {
  return {
    type: 'range',
    key: reader.bytes(),
    rangeEnd: reader.bytes(),
    sortOrder: oneOf(sortOrders, reader.byte()),
    sortTarget: oneOf(sortTargets, reader.byte()),
    keysOnly: reader.flag(),
    countOnly: reader.flag(),
    limit: readSigned(reader),
    revision: readSigned(reader),
    minModRevision: readSigned(reader),
    maxModRevision: readSigned(reader),
    minCreateRevision: readSigned(reader),
    maxCreateRevision: readSigned(reader),
  };
}

function writeCompare(writer: ByteWriter, { key, rangeEnd, result, operand }: Compare): void {
  writer.bytes(key).bytes(rangeEnd).byte(results.indexOf(result));
  writer.byte(targets.indexOf(operand.target));
  switch (operand.target) {
    case 'version':
      return writeSigned(writer, operand.version);
    case 'create':
      return writeSigned(writer, operand.createRevision);
    case 'mod':
      return writeSigned(writer, operand.modRevision);
    case 'value':
      writer.bytes(operand.value);
      return;
    case 'lease':
      writer.raw(leaseBytes(operand.lease));
  }
}

function readCompare(reader: ByteReader): Compare {
  const key = reader.bytes();
  const rangeEnd = reader.bytes();
  const result = oneOf(results, reader.byte());
  return { key, rangeEnd, result, operand: readOperand(reader) };
}

function readOperand(reader: ByteReader): CompareOperand {
  const target = oneOf(targets, reader.byte());
  switch (target) {
    case 'version':
      return { target, version: readSigned(reader) };
    case 'create':
      return { target, createRevision: readSigned(reader) };
    case 'mod':
      return { target, modRevision: readSigned(reader) };
    case 'value':
      return { target, value: reader.bytes() };
    case 'lease':
      return { target, lease: leaseId(reader.raw(8)) };
  }
}

/** Clients may send numbers below 0, which mean something here and there. */
function writeSigned(writer: ByteWriter, value: number): void {
  writer.flag(value < 0).number(Math.abs(value));
}

function readSigned(reader: ByteReader): number {
  const negative = reader.flag();
  const value = reader.number();
  return negative ? -value : value;
}

function oneOf<T>(values: readonly T[], at: number): T {
  const value = values[at];
  if (value === undefined) throw malformed(`holds the unknown choice ${at}`);
  return value;
}

function malformed(what: string): QuorateError {
  return new QuorateError('malformed-message', `a command ${what}`);
}
