/**
 * Locks and elections, as etcd's v3lock and v3election do them: everyone who waits has a key below
 * the name, with the lease in it; the one that was created first has it, and the others each wait
 * for the one before them, so that a release wakes one and not all.
 *
 * The revision at which a key was created grows from holder to holder: it is the fencing token that
 * whatever is protected must check, because a lock alone cannot tell a holder that was asleep that
 * its lease has ended.
 */

import { prefixEnd } from '../base/compare-bytes.ts';
import { QuorateError } from '../base/errors.ts';
import { joinBytes } from '../base/join-bytes.ts';
import {
  compareOf,
  deleteRequest,
  putRequest,
  rangeRequest,
  txnRequest,
} from '../mvcc/make-request.ts';
import type { KeyValue, PutRequest, RangeRequest, TxnResponse } from '../mvcc/request.ts';
import type {
  CallOptions,
  KvElections,
  KvKeys,
  KvLeases,
  LeaderKey,
  LockResponse,
  WatchCreateRequest,
  WatchResponse,
} from './api.ts';
import { PushQueue } from './push-queue.ts';

const nothing = new Uint8Array();
/** What a slow observer may leave unread; then it is told the newest only. */
const OBSERVED_MAX = 1024;

export class Elections implements KvElections {
  readonly #keys: KvKeys;
  readonly #leases: KvLeases;

  constructor(keys: KvKeys, leases: KvLeases) {
    this.#keys = keys;
    this.#leases = leases;
  }

  async lock(
    { name, lease }: { readonly name: Uint8Array; readonly lease: bigint },
    options: CallOptions = {},
  ): Promise<LockResponse> {
    const held = await this.#stand({ name, lease, value: nothing }, options);
    const { revision, kv } = await this.#own(held.key, options);
    if (kv === undefined) {
      throw new QuorateError(
        'lock-session-expired',
        'the lease ended while the lock was waited for',
      );
    }
    return { key: held.key, fencingToken: held.createRevision, revision };
  }

  async unlock(key: Uint8Array, options: CallOptions = {}): Promise<{ revision: number }> {
    const { revision } = await this.#keys.deleteRange(deleteRequest(key), options);
    return { revision };
  }

  async campaign(
    request: { readonly name: Uint8Array; readonly lease: bigint; readonly value: Uint8Array },
    options: CallOptions = {},
  ): Promise<{ leader: LeaderKey; revision: number }> {
    const { name, lease } = request;
    // As in etcd, the answer's revision is the one at which the candidate stood, not won.
    const { key, createRevision, revision } = await this.#stand(request, options);
    return { leader: { name, key, revision: createRevision, lease }, revision };
  }

  async proclaim(
    { leader, value }: { readonly leader: LeaderKey | undefined; readonly value: Uint8Array },
    options: CallOptions = {},
  ): Promise<{ revision: number }> {
    if (leader === undefined) throw leaderMissing();
    const answer = await this.#keys.txn(
      txnRequest(
        [createdAt(leader.key, leader.revision)],
        [putOf(leader.key, value, leader.lease)],
      ),
      options,
    );
    if (!answer.succeeded) {
      throw new QuorateError('election-not-leader', 'the leadership has passed on');
    }
    return { revision: answer.revision };
  }

  async leader(
    name: Uint8Array,
    options: CallOptions = {},
  ): Promise<{ kv: KeyValue; revision: number }> {
    const { kvs, revision } = await this.#keys.range(firstBelow(name), options);
    const kv = kvs[0];
    if (kv === undefined) throw new QuorateError('election-no-leader', 'nobody is elected');
    return { kv, revision };
  }

  async *observe(
    name: Uint8Array,
    options: CallOptions = {},
  ): AsyncIterable<{ kv: KeyValue; revision: number }> {
    const from = await this.#keys.range(firstBelow(name), options);
    let leader = from.kvs[0];
    let { revision } = from;
    if (leader !== undefined) yield { kv: leader, revision };
    for await (const response of this.#watch(below(name), revision + 1, options)) {
      for (const { type, kv } of response.events) {
        ({ revision } = response);
        const same = leader !== undefined && equal(kv.key, leader.key);
        if (type === 'delete' && same) {
          leader = await this.#firstAt(name, kv.modRevision, options);
        } else if (type === 'put' && (same || leader === undefined)) leader = kv;
        else continue;
        if (leader !== undefined) yield { kv: leader, revision };
      }
    }
  }

  async resign(
    leader: LeaderKey | undefined,
    options: CallOptions = {},
  ): Promise<{ revision: number }> {
    if (leader === undefined) throw leaderMissing();
    const { revision } = await this.#keys.txn(
      txnRequest([createdAt(leader.key, leader.revision)], [deleteRequest(leader.key)]),
      options,
    );
    return { revision };
  }

  /** Puts a key below the name, and waits until no older one is left. */
  async #stand(
    request: { readonly name: Uint8Array; readonly lease: bigint; readonly value: Uint8Array },
    options: CallOptions,
  ): Promise<{ key: Uint8Array; createRevision: number; revision: number }> {
    let { lease } = request;
    // Without a lease etcd makes one of a minute, which nobody keeps alive.
    if (lease === 0n)
      ({ id: lease } = await this.#leases.leaseGrant({ id: 0n, ttlSeconds: 60 }, options));
    const prefix = below(request.name);
    const key = joinBytes([prefix, text(BigInt.asUintN(64, lease).toString(16))]);
    const answer = await this.#keys.txn(
      txnRequest(
        [createdAt(key, 0)],
        [putOf(key, request.value, lease), rangeRequest(key)],
        [rangeRequest(key)],
      ),
      options,
    );
    const kv = kvOf(answer);
    const createRevision = answer.succeeded ? answer.revision : kv!.createRevision;
    if (!answer.succeeded && !equal(kv!.value, request.value)) {
      const leader = { name: request.name, key, revision: createRevision, lease };
      await this.proclaim({ leader, value: request.value }, options);
    }
    try {
      await this.#waitForOlder(prefix, createRevision, options);
    } catch (error) {
      // Who gives up waiting must not be in the way of those behind.
      if (options.signal?.aborted === true) await this.#withdraw(key, options);
      throw error;
    }
    return { key, createRevision, revision: answer.revision };
  }

  async #waitForOlder(prefix: Uint8Array, created: number, options: CallOptions): Promise<void> {
    for (;;) {
      const request = {
        ...last(prefix),
        sortTarget: 'create' as const,
        maxCreateRevision: created - 1,
      };
      const { kvs, revision } = await this.#keys.range(request, options);
      const before = kvs[0];
      if (before === undefined) return;
      await this.#untilDeleted(before.key, revision + 1, options);
    }
  }

  async #untilDeleted(key: Uint8Array, from: number, options: CallOptions): Promise<void> {
    for await (const { events } of this.#watch(key, from, options, true)) {
      if (events.some(({ type }) => type === 'delete')) return;
    }
  }

  async #withdraw(key: Uint8Array, { caller }: CallOptions): Promise<void> {
    await this.#keys.deleteRange(deleteRequest(key), { caller }).catch(() => {});
  }

  async #own(
    key: Uint8Array,
    options: CallOptions,
  ): Promise<{ revision: number; kv: KeyValue | undefined }> {
    const { revision, kvs } = await this.#keys.range(rangeRequest(key), options);
    return { revision, kv: kvs[0] };
  }

  async #firstAt(
    name: Uint8Array,
    revision: number,
    options: CallOptions,
  ): Promise<KeyValue | undefined> {
    const { kvs } = await this.#keys.range({ ...firstBelow(name), revision }, options);
    return kvs[0];
  }

  /** Responses with events; a watch of a key, or of everything below it. */
  async *#watch(
    key: Uint8Array,
    startRevision: number,
    { caller, signal }: CallOptions,
    single = false,
  ): AsyncIterable<WatchResponse> {
    const queue = new PushQueue<WatchResponse>(OBSERVED_MAX);
    const stream = this.#keys.watch(
      { send: (response) => queue.push(response), ended: (error) => queue.fail(error) },
      { caller },
    );
    queue.onRoom(() => stream.resume());
    const abort = (): void => {
      queue.fail(new QuorateError('request-canceled', 'the caller gave up'));
    };
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    const request: WatchCreateRequest = {
      key,
      rangeEnd: single ? nothing : prefixEnd(key)!,
      startRevision,
      progressNotify: false,
      noPut: false,
      noDelete: false,
      prevKv: false,
      watchId: 0n,
      fragment: false,
    };
    stream.create(request);
    try {
      for await (const response of queue) {
        if (response.compactRevision > 0) throw new QuorateError('compacted', 'too far behind');
        if (response.canceled) {
          throw response.cancelReason ?? new QuorateError('watch-canceled', 'canceled');
        }
        if (response.events.length > 0) yield response;
      }
    } finally {
      signal?.removeEventListener('abort', abort);
      stream.close();
    }
  }
}

function leaderMissing(): QuorateError {
  return new QuorateError('election-leader-missing', 'a request without a leader');
}

/** All keys of a name begin with this. */
function below(name: Uint8Array): Uint8Array {
  return joinBytes([name, text('/')]);
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function createdAt(key: Uint8Array, createRevision: number) {
  return compareOf(key, 'equal', { target: 'create', createRevision });
}

function putOf(key: Uint8Array, value: Uint8Array, lease: bigint): PutRequest {
  return putRequest(key, value, { lease });
}

/** The youngest key with that prefix. */
function last(prefix: Uint8Array): RangeRequest {
  const newest = { limit: 1, sortOrder: 'descend', sortTarget: 'create' } as const;
  return rangeRequest(prefix, { prefix: true, ...newest });
}

/** The oldest key of a name: whose it is now. */
function firstBelow(name: Uint8Array): RangeRequest {
  return { ...last(below(name)), sortOrder: 'ascend' };
}

function kvOf({ responses }: TxnResponse): KeyValue | undefined {
  const answer = responses.at(-1);
  return answer?.type === 'range' ? answer.kvs[0] : undefined;
}
