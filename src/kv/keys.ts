/** Reads and writes of keys: what is read needs no entry in the log, what is written one. */
import { QuorateError } from '../base/errors.ts';
import { checkRequest, onlyReads } from '../mvcc/check-request.ts';
import type { LongRange } from '../mvcc/long-range.ts';
import type {
  CompactRequest,
  DeleteRangeRequest,
  DeleteRangeResponse,
  KeyValue,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnOperation,
  TxnRequest,
  TxnResponse,
} from '../mvcc/request.ts';
import type { Clock } from '../ports/clock.ts';
import type {
  CallOptions,
  KvKeys,
  ReadOptions,
  WatchSink,
  WatchStream,
  WatchStreamOptions,
} from './api.ts';
import type { Housekeeping } from './housekeeping.ts';
import type { KvMachine } from './machine.ts';
import type { Proposer } from './proposer.ts';
import type { WatchHub } from './watch/watch-hub.ts';

/** Keys in one part of a streamed range, and how large they may become together. */
const STREAMED_KEYS = 1000;
/** Keys of a long range that are read in one turn: some ten milliseconds. */
const STEP_KEYS = 2000;
/** Each holds a state of the store, and its answer while that grows; beyond it `too-many-requests`. */
const LONG_RANGES_MAX = 64;

export class Keys implements KvKeys {
  readonly #proposer: Proposer;
  readonly #machine: KvMachine;
  readonly #hub: WatchHub;
  readonly #housekeeping: Housekeeping;
  readonly #operationsMax: number;
  readonly #clock: Clock;
  #longRanges = 0;

  constructor(init: {
    readonly proposer: Proposer;
    readonly machine: KvMachine;
    readonly hub: WatchHub;
    readonly housekeeping: Housekeeping;
    readonly operationsMax: number;
    readonly clock: Clock;
  }) {
    this.#proposer = init.proposer;
    this.#machine = init.machine;
    this.#hub = init.hub;
    this.#housekeeping = init.housekeeping;
    this.#operationsMax = init.operationsMax;
    this.#clock = init.clock;
  }

  async range(request: RangeRequest, options: ReadOptions = {}): Promise<RangeResponse> {
    checkRequest(request);
    await this.#readable(options);
    this.#machine.checkOperation(options.caller, request);
    const { model } = this.#machine;
    const long = model.longRange(request);
    return long === undefined ? model.range(request) : this.#inSteps(long, options);
  }

  /** Waits until what is read here is what was asked for. */
  async #readable(options: ReadOptions): Promise<void> {
    if (options.serializable !== true) await this.#proposer.readIndex(options);
    // Another state may be on its way into the store, which is no older than what was there.
    while (!this.#machine.isWhole) await this.#proposer.whole(options);
    if (options.serializable === true) refuseIfGone(options);
  }

  /** Other work comes between two steps. */
  async #inSteps(long: LongRange, options: ReadOptions): Promise<RangeResponse> {
    this.#longRanges++;
    try {
      if (this.#longRanges > LONG_RANGES_MAX) {
        throw new QuorateError('too-many-requests', 'too many long ranges are being read');
      }
      while (long.step(STEP_KEYS)) {
        await new Promise<void>((resolve) => void this.#clock.after(0, resolve));
        refuseIfGone(options);
        if (this.#proposer.closed)
          throw new QuorateError('server-stopped', 'the service has ended');
      }
      return long.answer();
    } finally {
      this.#longRanges--;
      long.close();
    }
  }

  async *rangeStream(
    request: RangeRequest,
    options: ReadOptions = {},
  ): AsyncIterable<RangeResponse> {
    const inKeyOrder = request.sortTarget === 'key' && request.sortOrder !== 'descend';
    const filtered =
      request.minModRevision > 0 ||
      request.maxModRevision > 0 ||
      request.minCreateRevision > 0 ||
      request.maxCreateRevision > 0;
    // What has to be sorted or sieved as a whole is in memory as a whole anyway.
    if (!inKeyOrder || filtered || request.countOnly || request.rangeEnd.length === 0) {
      yield await this.range(request, options);
      return;
    }
    let { key } = request;
    let told = 0;
    let first: RangeResponse | undefined;
    for (;;) {
      const left = request.limit > 0 ? request.limit - told : STREAMED_KEYS;
      const limit = Math.min(left, STREAMED_KEYS);
      const revision = first?.revision ?? request.revision;
      const at = first === undefined || request.revision > 0 ? request.revision : revision;
      const serializable = first === undefined ? options.serializable : true;
      const part = await this.range(
        { ...request, key, limit, revision: at },
        { ...options, serializable },
      );
      first ??= part;
      told += part.kvs.length;
      const last = part.kvs.at(-1);
      const done = !part.more || last === undefined || told === request.limit;
      yield {
        ...part,
        revision: first.revision,
        count: done ? first.count : 0,
        more: done && part.more,
      };
      if (done) return;
      key = after(last);
    }
  }

  put(request: PutRequest, options: CallOptions = {}): Promise<PutResponse> {
    return this.#write(request, options);
  }

  deleteRange(
    request: DeleteRangeRequest,
    options: CallOptions = {},
  ): Promise<DeleteRangeResponse> {
    return this.#write(request, options);
  }

  async txn(request: TxnRequest, options: ReadOptions = {}): Promise<TxnResponse> {
    if (!onlyReads(request)) return this.#write(request, options);
    checkRequest(request, this.#operationsMax);
    await this.#readable(options);
    this.#machine.checkOperation(options.caller, request);
    return this.#machine.model.read(request);
  }

  async compact(
    { revision, physical }: CompactRequest & { readonly physical: boolean },
    options: CallOptions = {},
  ): Promise<{ revision: number }> {
    const command = { type: 'compact', revision } as const;
    const outcome = await this.#proposer.propose<{ revision: number }>(command, options);
    if (physical) await this.#housekeeping.compacted();
    return { revision: outcome.revision };
  }

  watch(sink: WatchSink, options: WatchStreamOptions = {}): WatchStream {
    return this.#hub.open(sink, options);
  }

  /** Not `async`, which would be one promise more for each write. */
  #write<Response>(
    request: Exclude<TxnOperation, RangeRequest>,
    options: CallOptions,
  ): Promise<Response> {
    try {
      checkRequest(request, this.#operationsMax);
      // Again when it is applied: here it only spares the log what would be refused.
      this.#machine.checkOperation(options.caller, request);
      if (takesRoom(request) && !this.#housekeeping.hasRoom) return this.#housekeeping.refuse();
      return this.#proposer.propose<Response>(request, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

function refuseIfGone({ signal }: ReadOptions): void {
  if (signal?.aborted === true) {
    throw new QuorateError('request-canceled', 'the caller gave up');
  }
}

function takesRoom(request: TxnOperation): boolean {
  if (request.type === 'txn') {
    return request.success.some(takesRoom) || request.failure.some(takesRoom);
  }
  return request.type === 'put';
}

/** The first key after this one. */
function after({ key }: KeyValue): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
