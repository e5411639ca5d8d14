/** Requests as tests write them: texts for bytes, and only what matters. */
import type { KvCommand } from '../../src/mvcc/command.ts';
import type {
  Compare,
  CompareOperand,
  CompareResult,
  DeleteRangeRequest,
  KeyValue,
  PutRequest,
  RangeRequest,
  TxnOperation,
  TxnRequest,
} from '../../src/mvcc/request.ts';

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (content: Uint8Array): string => new TextDecoder().decode(content);

type Without<T, Keys extends keyof T> = Partial<Omit<T, Keys>>;

/** `end` as the request's `rangeEnd`; `'\0'` is all keys from `key` on. */
export function get(
  key: string,
  fields: Without<RangeRequest, 'key' | 'rangeEnd' | 'type'> & { end?: string } = {},
): RangeRequest {
  const { end = '', ...rest } = fields;
  return {
    type: 'range',
    key: bytes(key),
    rangeEnd: bytes(end),
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
    ...rest,
  };
}

export const all = (fields: Parameters<typeof get>[1] = {}): RangeRequest =>
  get('\0', { end: '\0', ...fields });

export function put(
  key: string,
  value = '',
  fields: Without<PutRequest, 'key' | 'value' | 'type'> = {},
): PutRequest {
  const plain = { lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
  return { type: 'put', key: bytes(key), value: bytes(value), ...plain, ...fields };
}

export function del(key: string, end = '', prevKv = false): DeleteRangeRequest {
  return { type: 'delete-range', key: bytes(key), rangeEnd: bytes(end), prevKv };
}

export function txn(
  success: readonly TxnOperation[],
  failure: readonly TxnOperation[] = [],
  ...compare: readonly Compare[]
): TxnRequest {
  return { type: 'txn', compare, success, failure };
}

export function compare(
  key: string,
  result: CompareResult,
  operand: CompareOperand,
  end = '',
): Compare {
  return { key: bytes(key), rangeEnd: bytes(end), result, operand };
}

/** `key=value@modification.version`, `key` and `value` as texts. */
export const show = ({ key, value, modRevision, version }: KeyValue): string =>
  `${text(key)}=${text(value)}@${modRevision}.${version}`;

export const grant = (id: bigint, ttlSeconds = 10): KvCommand => ({
  type: 'lease-grant',
  id,
  ttlSeconds,
});
