/**
 * What may be asked of the key-value model, and what it answers: the words of etcd's v3 API with
 * absent fields filled in, so that no layer above or below has to know protobuf.
 *
 * Keys and values are bytes. Revisions, versions and counts are exact whole numbers below 2^53;
 * lease ids are any signed 64 bits, hence bigint, with 0n for "none".
 */

/** A key as it is at some revision. */
export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: bigint;
}

export type SortOrder = 'none' | 'ascend' | 'descend';
export type SortTarget = 'key' | 'version' | 'create' | 'mod' | 'value';

/**
 * `rangeEnd` empty: the one key. A single zero byte: every key from `key` on. Else up to, and
 * without, `rangeEnd`.
 */
export interface RangeRequest {
  readonly type: 'range';
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  /** 0: no limit. */
  readonly limit: number;
  /** ≤ 0: the latest. */
  readonly revision: number;
  readonly sortOrder: SortOrder;
  readonly sortTarget: SortTarget;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** 0: no bound; likewise the three below. */
  readonly minModRevision: number;
  readonly maxModRevision: number;
  readonly minCreateRevision: number;
  readonly maxCreateRevision: number;
}

export interface RangeResponse {
  readonly type: 'range';
  /** The current revision, not the one that was asked for. */
  readonly revision: number;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: number;
}

export interface PutRequest {
  readonly type: 'put';
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly lease: bigint;
  readonly prevKv: boolean;
  readonly ignoreValue: boolean;
  readonly ignoreLease: boolean;
}

export interface PutResponse {
  readonly type: 'put';
  readonly revision: number;
  readonly prevKv: KeyValue | undefined;
}

export interface DeleteRangeRequest {
  readonly type: 'delete-range';
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly prevKv: boolean;
}

export interface DeleteRangeResponse {
  readonly type: 'delete-range';
  readonly revision: number;
  readonly deleted: number;
  readonly prevKvs: readonly KeyValue[];
}

export type CompareResult = 'equal' | 'greater' | 'less' | 'not-equal';

/** The right side of a comparison says what is compared. */
export type CompareOperand =
  | { readonly target: 'version'; readonly version: number }
  | { readonly target: 'create'; readonly createRevision: number }
  | { readonly target: 'mod'; readonly modRevision: number }
  | { readonly target: 'value'; readonly value: Uint8Array }
  | { readonly target: 'lease'; readonly lease: bigint };

export interface Compare {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly result: CompareResult;
  readonly operand: CompareOperand;
}

export interface TxnRequest {
  readonly type: 'txn';
  readonly compare: readonly Compare[];
  readonly success: readonly TxnOperation[];
  readonly failure: readonly TxnOperation[];
}

export type TxnOperation = RangeRequest | PutRequest | DeleteRangeRequest | TxnRequest;

export interface TxnResponse {
  readonly type: 'txn';
  readonly revision: number;
  readonly succeeded: boolean;
  readonly responses: readonly TxnOperationResponse[];
}

export type TxnOperationResponse = RangeResponse | PutResponse | DeleteRangeResponse | TxnResponse;

export interface CompactRequest {
  readonly type: 'compact';
  readonly revision: number;
}

/** The id is chosen by whoever proposes it, never 0n. */
export interface LeaseGrantRequest {
  readonly type: 'lease-grant';
  readonly id: bigint;
  readonly ttlSeconds: number;
}

export interface LeaseRevokeRequest {
  readonly type: 'lease-revoke';
  readonly id: bigint;
}

/** What changed a key: a put, or a deletion, whose `kv` has only key and modRevision. */
export interface KeyEvent {
  readonly type: 'put' | 'delete';
  readonly kv: KeyValue;
  /** What the key was before; undefined for a creation, or where it was compacted away. */
  readonly prevKv: KeyValue | undefined;
}
