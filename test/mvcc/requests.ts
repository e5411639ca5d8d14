/** Requests as tests write them: texts for bytes, and only what matters. */
import type { KvCommand } from '../../src/mvcc/command.ts';
import {
  compareOf,
  deleteRequest,
  putRequest,
  rangeRequest,
  txnRequest,
} from '../../src/mvcc/make-request.ts';
import type {
  Compare,
  CompareOperand,
  CompareResult,
  DeleteRangeRequest,
  KeyValue,
  RangeRequest,
  TxnOperation,
  TxnRequest,
} from '../../src/mvcc/request.ts';

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (content: Uint8Array): string => new TextDecoder().decode(content);

/** `end` as the request's `rangeEnd`; `'\0'` is all keys from `key` on. */
export const get = rangeRequest;

export const all = (fields: Parameters<typeof get>[1] = {}): RangeRequest =>
  get('\0', { end: '\0', ...fields });

export const put = (key: string, value = '', fields: Parameters<typeof putRequest>[2] = {}) =>
  putRequest(key, value, fields);

export function del(key: string, end = '', prevKv = false): DeleteRangeRequest {
  return deleteRequest(key, { end, prevKv });
}

export function txn(
  success: readonly TxnOperation[],
  failure: readonly TxnOperation[] = [],
  ...compare: readonly Compare[]
): TxnRequest {
  return txnRequest(compare, success, failure);
}

export function compare(
  key: string,
  result: CompareResult,
  operand: CompareOperand,
  end = '',
): Compare {
  return compareOf(key, result, operand, { end });
}

/** `key=value@modification.version`, `key` and `value` as texts. */
export const show = ({ key, value, modRevision, version }: KeyValue): string =>
  `${text(key)}=${text(value)}@${modRevision}.${version}`;

export const grant = (id: bigint, ttlSeconds = 10): KvCommand => ({
  type: 'lease-grant',
  id,
  ttlSeconds,
});
