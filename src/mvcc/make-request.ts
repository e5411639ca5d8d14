/**
 * Requests for callers inside the process, with only what matters said: texts stand for their UTF-8
 * bytes, and what is left out is what etcd's clients leave out.
 */
import { prefixEnd } from '../base/compare-bytes.ts';
import type {
  Compare,
  CompareOperand,
  CompareResult,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  TxnOperation,
  TxnRequest,
} from './request.ts';

const nothing = new Uint8Array(0);
const encoder = new TextEncoder();

/** A key or a value. */
export type Bytes = string | Uint8Array;

/** Which keys beside the first: up to `end`, which is not one of them, or all that begin like it. */
export interface KeysOption {
  /** A single byte 0: all keys from the first on. */
  readonly end?: Bytes;
  readonly prefix?: boolean;
}

/**
 * A read of one key, or of a range.
 *
 * @example
 * ```ts
 * import { openServer, rangeRequest, readServerSettings } from 'quorate/server';
 *
 * const { kv } = await openServer(await readServerSettings([]));
 * const { kvs } = await kv.range(rangeRequest('jobs/', { prefix: true, limit: 10 }));
 * ```
 */
export function rangeRequest(
  key: Bytes,
  options: Partial<Omit<RangeRequest, 'type' | 'key' | 'rangeEnd'>> & KeysOption = {},
): RangeRequest {
  const { end, prefix, ...fields } = options;
  return {
    type: 'range',
    ...keysOf(key, { end, prefix }),
    limit: 0,
    revision: 0,
    sortOrder: 'none',
    sortTarget: 'key',
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...fields,
  };
}

/** A write of one key. */
export function putRequest(
  key: Bytes,
  value: Bytes,
  options: Partial<Omit<PutRequest, 'type' | 'key' | 'value'>> = {},
): PutRequest {
  return {
    type: 'put',
    key: bytesOf(key),
    value: bytesOf(value),
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
    ...options,
  };
}

/** A deletion of one key, or of a range. */
export function deleteRequest(
  key: Bytes,
  options: KeysOption & { readonly prevKv?: boolean } = {},
): DeleteRangeRequest {
  const { prevKv = false, ...keys } = options;
  return { type: 'delete-range', ...keysOf(key, keys), prevKv };
}

/**
 * A condition of a transaction on a key, or on every key of a range.
 *
 * @param operand what is compared, and with what: `{ target: 'mod', modRevision: 7 }`; a revision of
 *   0 is that of a key that is not there
 */
export function compareOf(
  key: Bytes,
  result: CompareResult,
  operand: CompareOperand,
  keys: KeysOption = {},
): Compare {
  return { ...keysOf(key, keys), result, operand };
}

/**
 * A transaction: `success` if all of `compare` holds, else `failure`, at one revision.
 *
 * @example
 * ```ts
 * import { compareOf, putRequest, txnRequest } from 'quorate/server';
 *
 * const absent = compareOf('owner', 'equal', { target: 'create', createRevision: 0 });
 * const take = txnRequest([absent], [putRequest('owner', 'me')]);
 * ```
 */
export function txnRequest(
  compare: readonly Compare[],
  success: readonly TxnOperation[],
  failure: readonly TxnOperation[] = [],
): TxnRequest {
  return { type: 'txn', compare, success, failure };
}

function keysOf(
  first: Bytes,
  { end, prefix }: { [Name in keyof KeysOption]?: KeysOption[Name] | undefined },
) {
  const key = bytesOf(first);
  if (end !== undefined) return { key, rangeEnd: bytesOf(end) };
  // There is no end behind a prefix of nothing but bytes 255: all keys from there on.
  return { key, rangeEnd: prefix === true ? (prefixEnd(key) ?? Uint8Array.of(0)) : nothing };
}

function bytesOf(given: Bytes): Uint8Array {
  return typeof given === 'string' ? encoder.encode(given) : given;
}
