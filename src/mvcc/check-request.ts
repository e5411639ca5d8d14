/**
 * What a request must fulfil by itself, whatever the state is: checked in full before anything is
 * proposed or written. The rules and their order are etcd's.
 *
 * One of them is narrower here: etcd overlooks that a deletion up to the end of all keys (`rangeEnd`
 * a zero byte) covers a key that is put; here that is a duplicate key like any other.
 */
import { compareBytes } from '../base/compare-bytes.ts';
import { type ErrorCode, QuorateError } from '../base/errors.ts';
import { rangeEndOf } from './layout.ts';
import type {
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  TxnOperation,
  TxnRequest,
} from './request.ts';

/** How many comparisons, operations if they hold, or operations if not, a transaction may have. */
export const transactionOperationsMax = 128;

/**
 * @param operationsMax the limit on transactions; those inside others get what is left of it.
 * @throws QuorateError `key-not-provided`, `value-provided`, `lease-provided`,
 *   `invalid-sort-option`, `too-many-operations`, `duplicate-key`
 */
export function checkRequest(
  request: TxnOperation,
  operationsMax: number = transactionOperationsMax,
): void {
  checkOperation(request, operationsMax);
  if (request.type !== 'txn') return;
  // After the other checks, which bound how much there is to compare.
  findDuplicates(request.success);
  findDuplicates(request.failure);
}

/** Whether a transaction only reads; one with another inside it counts as writing, as in etcd. */
export function onlyReads({ success, failure }: TxnRequest): boolean {
  return [...success, ...failure].every(({ type }) => type === 'range');
}

function checkOperation(request: TxnOperation, operationsMax: number): void {
  switch (request.type) {
    case 'range':
      return checkRange(request);
    case 'put':
      return checkPut(request);
    case 'delete-range':
      if (request.key.length === 0) throw refusal('key-not-provided');
      return;
    case 'txn':
      return checkTransaction(request, operationsMax);
  }
}

function checkRange({ key, sortOrder, sortTarget }: RangeRequest): void {
  if (key.length === 0) throw refusal('key-not-provided');
  if (!sortOrders.has(sortOrder) || !sortTargets.has(sortTarget)) {
    throw refusal('invalid-sort-option');
  }
}

const sortOrders: ReadonlySet<string> = new Set(['none', 'ascend', 'descend']);
const sortTargets: ReadonlySet<string> = new Set(['key', 'version', 'create', 'mod', 'value']);

function checkPut({ key, value, lease, ignoreLease, ignoreValue }: PutRequest): void {
  if (key.length === 0) throw refusal('key-not-provided');
  if (ignoreValue && value.length > 0) throw refusal('value-provided');
  if (ignoreLease && lease !== 0n) throw refusal('lease-provided');
}

function checkTransaction({ compare, success, failure }: TxnRequest, operationsMax: number): void {
  const most = Math.max(compare.length, success.length, failure.length);
  if (most > operationsMax) throw refusal('too-many-operations');
  for (const { key } of compare) if (key.length === 0) throw refusal('key-not-provided');
  for (const operation of success) checkOperation(operation, operationsMax - most);
  for (const operation of failure) checkOperation(operation, operationsMax - most);
}

/** What some operations write: keys that are put, and ranges that are deleted. */
interface Written {
  readonly puts: Map<string, Uint8Array>;
  readonly deletions: DeleteRangeRequest[];
}

/**
 * Refuses a key that is put twice on one way through the operations, or put and deleted. The two
 * branches of one transaction exclude each other, so they may overlap; deletions always may.
 */
function findDuplicates(operations: readonly TxnOperation[]): Written {
  const puts = new Map<string, Uint8Array>();
  const deletions = operations.filter((operation) => operation.type === 'delete-range');
  const add = (key: Uint8Array, text: string, allowed: ReadonlyMap<string, unknown>): void => {
    if (puts.has(text) && !allowed.has(text)) throw refusal('duplicate-key');
    if (deletions.some((deletion) => covers(deletion, key))) throw refusal('duplicate-key');
    puts.set(text, key);
  };
  for (const operation of operations) {
    if (operation.type !== 'txn') continue;
    const whenTrue = findDuplicates(operation.success);
    const whenFalse = findDuplicates(operation.failure);
    for (const [text, key] of whenTrue.puts) add(key, text, none);
    for (const [text, key] of whenFalse.puts) add(key, text, whenTrue.puts);
    deletions.push(...whenTrue.deletions, ...whenFalse.deletions);
  }
  for (const operation of operations) {
    if (operation.type === 'put') add(operation.key, textOf(operation.key), none);
  }
  return { puts, deletions };
}

const none: ReadonlyMap<string, unknown> = new Map();

/** A key as a string of its bytes, by which it can be looked up. */
function textOf(key: Uint8Array): string {
  let text = '';
  for (const byte of key) text += String.fromCharCode(byte);
  return text;
}

function covers({ key: from, rangeEnd }: DeleteRangeRequest, key: Uint8Array): boolean {
  const end = rangeEndOf(rangeEnd);
  const order = compareBytes(key, from);
  if (end === 'one key') return order === 0;
  return order >= 0 && (end === 'no end' || compareBytes(key, end) < 0);
}

function refusal(code: ErrorCode): QuorateError {
  return new QuorateError(code, `refused: ${code}`);
}
