/**
 * Requests of etcd's protocol in the words of the key-value model. Numbers of 64 bits become exact
 * ones: what lies beyond 2^53 is as good as 2^53, since no revision, version or limit gets there.
 */
import { QuorateError } from '../../base/errors.ts';
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
} from '../../mvcc/request.ts';
import type * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';

const sortOrders: readonly SortOrder[] = ['none', 'ascend', 'descend'];
const sortTargets: readonly SortTarget[] = ['key', 'version', 'create', 'mod', 'value'];
const compareResults: readonly CompareResult[] = ['equal', 'greater', 'less', 'not-equal'];

/** How deep transactions may lie in transactions. */
const depthMax = 64;

/** An exact number for 64 bits: clamped to ±(2^53 − 1). */
export function exact(value: bigint): number {
  if (value > 9007199254740991n) return Number.MAX_SAFE_INTEGER;
  if (value < -9007199254740991n) return Number.MIN_SAFE_INTEGER;
  return Number(value);
}

export function rangeRequest(request: pb.RangeRequest): RangeRequest {
  const sortOrder = sortOrders[request.sortOrder];
  const sortTarget = sortTargets[request.sortTarget];
  if (sortOrder === undefined || sortTarget === undefined) {
    throw new QuorateError('invalid-sort-option', 'there is no such order or target of sorting');
  }
  return {
    type: 'range',
    key: request.key,
    rangeEnd: request.rangeEnd,
    // Less than one is no limit.
    limit: Math.max(0, exact(request.limit)),
    revision: exact(request.revision),
    sortOrder,
    sortTarget,
    keysOnly: request.keysOnly,
    countOnly: request.countOnly,
    minModRevision: exact(request.minModRevision),
    maxModRevision: exact(request.maxModRevision),
    minCreateRevision: exact(request.minCreateRevision),
    maxCreateRevision: exact(request.maxCreateRevision),
  };
}

export function putRequest(request: pb.PutRequest): PutRequest {
  const { key, value, lease, prevKv, ignoreValue, ignoreLease } = request;
  return { type: 'put', key, value, lease, prevKv, ignoreValue, ignoreLease };
}

export function deleteRangeRequest(request: pb.DeleteRangeRequest): DeleteRangeRequest {
  const { key, rangeEnd, prevKv } = request;
  return { type: 'delete-range', key, rangeEnd, prevKv };
}

/** Whether all that a transaction reads may be answered locally: etcd's rule for one without writes. */
export function isSerializable(request: pb.TxnRequest): boolean {
  return request.success.every(isSerializableRange) && request.failure.every(isSerializableRange);
}

function isSerializableRange({ request: { case: kind, value } }: pb.RequestOp): boolean {
  return kind === 'requestRange' && value.serializable;
}

export function txnRequest(request: pb.TxnRequest, depth = 0): TxnRequest {
  if (depth > depthMax) {
    throw new QuorateError('too-many-operations', `transactions nest more than ${depthMax} deep`);
  }
  const operations = (list: readonly pb.RequestOp[]): TxnOperation[] =>
    list.map((operation) => operationOf(operation, depth));
  return {
    type: 'txn',
    compare: request.compare.map(compareOf),
    success: operations(request.success),
    failure: operations(request.failure),
  };
}

function operationOf({ request }: pb.RequestOp, depth: number): TxnOperation {
  switch (request.case) {
    case 'requestRange':
      return rangeRequest(request.value);
    case 'requestPut':
      return putRequest(request.value);
    case 'requestDeleteRange':
      return deleteRangeRequest(request.value);
    case 'requestTxn':
      return txnRequest(request.value, depth + 1);
    default:
      return emptyOperation;
  }
}

/**
 * An operation without content. Etcd says "key not found" to it, but only when its turn comes in
 * checking the transaction; so does this, when its key is looked at.
 */
const emptyOperation: DeleteRangeRequest = {
  type: 'delete-range',
  rangeEnd: new Uint8Array(0),
  prevKv: false,
  get key(): Uint8Array {
    throw new QuorateError('key-not-found', 'an operation of a transaction is empty');
  },
};

function compareOf({ key, rangeEnd, result, target, targetUnion }: pb.Compare): Compare {
  const found = compareResults[result];
  if (found === undefined) {
    throw new QuorateError('malformed-message', `there is no comparison ${result}`);
  }
  return { key, rangeEnd, result: found, operand: operandOf(target, targetUnion) };
}

/** What is compared with: zero, or nothing, where the request does not say. */
function operandOf(
  target: pb.Compare_CompareTarget | number,
  union: pb.Compare['targetUnion'],
): CompareOperand {
  const number = (kind: 'version' | 'createRevision' | 'modRevision'): number =>
    union.case === kind ? exact(union.value) : 0;
  switch (target) {
    case 0:
      return { target: 'version', version: number('version') };
    case 1:
      return { target: 'create', createRevision: number('createRevision') };
    case 2:
      return { target: 'mod', modRevision: number('modRevision') };
    case 3:
      return { target: 'value', value: union.case === 'value' ? union.value : new Uint8Array(0) };
    case 4:
      return { target: 'lease', lease: union.case === 'lease' ? union.value : 0n };
    default:
      throw new QuorateError('malformed-message', `there is no target of comparison ${target}`);
  }
}
