/**
 * The key-value model in its plainest form, to compare the real one with: every state of every key
 * is kept in a list, and every question is answered by looking at all of them.
 */
import { compareBytes, equalBytes } from '../../src/base/compare-bytes.ts';
import { QuorateError } from '../../src/base/errors.ts';
import { rangeEndOf } from '../../src/mvcc/layout.ts';
import type {
  Compare,
  DeleteRangeRequest,
  KeyValue,
  PutRequest,
  RangeRequest,
  TxnOperation,
  TxnOperationResponse,
  TxnRequest,
} from '../../src/mvcc/request.ts';
import { keys } from './generators.ts';

interface State {
  readonly revision: number;
  readonly kv: KeyValue | undefined;
}

/** Keys by their number among the generated ones, which is quicker than by their bytes. */
const name = (key: Uint8Array): string => `key ${keys.findIndex((of) => equalBytes(of, key))}`;

/** A change, told as tests compare it. */
export interface NaiveEvent {
  readonly revision: number;
  readonly key: string;
  readonly type: 'put' | 'delete';
}

export class NaiveModel {
  revision = 1;
  compactRevision = -1;
  readonly leases = new Map<bigint, number>();
  readonly events: NaiveEvent[] = [];
  readonly #keys = new Map<string, State[]>();
  #main = 0;
  #changed = false;

  range(request: RangeRequest): unknown {
    const present = this.#changed ? this.#main : this.revision;
    const revision = request.revision <= 0 ? present : request.revision;
    if (revision > present) throw refusal('future-revision');
    if (revision < this.compactRevision) throw refusal('compacted');
    let kvs = this.#within(request.key, request.rangeEnd, revision);
    const count = kvs.length;
    if (request.countOnly) return { type: 'range', revision: present, kvs: [], more: false, count };
    const bounds: [number, (kv: KeyValue) => number, number][] = [
      [request.minModRevision, (kv) => kv.modRevision, 1],
      [request.maxModRevision, (kv) => kv.modRevision, -1],
      [request.minCreateRevision, (kv) => kv.createRevision, 1],
      [request.maxCreateRevision, (kv) => kv.createRevision, -1],
    ];
    for (const [bound, of, sign] of bounds) {
      if (bound !== 0) kvs = kvs.filter((kv) => (of(kv) - bound) * sign >= 0);
    }
    const by = {
      key: (a: KeyValue, b: KeyValue) => compareBytes(a.key, b.key),
      version: (a: KeyValue, b: KeyValue) => a.version - b.version,
      create: (a: KeyValue, b: KeyValue) => a.createRevision - b.createRevision,
      mod: (a: KeyValue, b: KeyValue) => a.modRevision - b.modRevision,
      value: (a: KeyValue, b: KeyValue) => compareBytes(a.value, b.value),
    }[request.sortTarget];
    const sign = request.sortOrder === 'descend' ? -1 : 1;
    const bounded = bounds.some(([bound]) => bound !== 0);
    // Without an order etcd takes what it needs for `more`, and sorts that.
    if (request.sortOrder === 'none' && !bounded && request.limit > 0) {
      kvs = kvs.slice(0, request.limit + 1);
    }
    kvs.sort((a, b) => sign * by(a, b));
    const more = request.limit > 0 && kvs.length > request.limit;
    if (more) kvs = kvs.slice(0, request.limit);
    if (request.keysOnly) kvs = kvs.map((kv) => ({ ...kv, value: new Uint8Array(0) }));
    return { type: 'range', revision: present, kvs, more, count };
  }

  /** A put, deletion or transaction that was found well-formed. */
  write(request: Exclude<TxnOperation, RangeRequest>): unknown {
    this.#main = this.revision + 1;
    this.#changed = false;
    if (request.type === 'txn') {
      const path = this.#choose(request);
      this.#check(path);
      const responses = this.#execute(path);
      return this.#end({ type: 'txn', succeeded: path.succeeded, responses });
    }
    if (request.type === 'put') {
      if (request.lease !== 0n && !this.leases.has(request.lease)) throw refusal('lease-not-found');
      this.#checkPut(request);
      return this.#end(this.#put(request));
    }
    return this.#end(this.#delete(request));
  }

  grant(id: bigint, ttl: number): void {
    if (this.leases.has(id)) throw refusal('lease-exists');
    this.leases.set(id, ttl);
  }

  revoke(id: bigint): void {
    if (!this.leases.delete(id)) throw refusal('lease-not-found');
    this.#main = this.revision + 1;
    this.#changed = false;
    for (const key of this.leaseKeys(id)) this.#set(key, undefined);
    this.#end({});
  }

  leaseKeys(id: bigint): Uint8Array[] {
    return this.#within(Uint8Array.of(0), Uint8Array.of(0), Number.POSITIVE_INFINITY)
      .filter(({ lease }) => lease === id)
      .map(({ key }) => key);
  }

  compact(revision: number): void {
    if (revision <= this.compactRevision) throw refusal('compacted');
    if (revision > this.revision) throw refusal('future-revision');
    this.compactRevision = revision;
  }

  /** What a key was at a revision. */
  at(key: Uint8Array, revision: number): KeyValue | undefined {
    return this.#states(key).findLast((state) => state.revision <= revision)?.kv;
  }

  #end<T extends object>(response: T): T & { revision: number } {
    if (this.#changed) this.revision = this.#main;
    this.#changed = false;
    return { ...response, revision: this.revision };
  }

  #choose(request: TxnRequest): Path {
    const succeeded = request.compare.every((compare) => this.#holds(compare));
    const steps = (succeeded ? request.success : request.failure).map((operation) =>
      operation.type === 'txn' ? this.#choose(operation) : operation,
    );
    return { succeeded, steps };
  }

  /** All puts before all ranges. */
  #check(path: Path): void {
    const steps = leaves(path);
    for (const step of steps) {
      if (step.type !== 'put') continue;
      this.#checkPut(step);
      if (step.lease !== 0n && !this.leases.has(step.lease)) throw refusal('lease-not-found');
    }
    for (const step of steps) {
      if (step.type !== 'range' || step.revision === 0) continue;
      if (step.revision > this.revision) throw refusal('future-revision');
      if (step.revision < this.compactRevision) throw refusal('compacted');
    }
  }

  #execute(path: Path): unknown[] {
    return path.steps.map((step) => {
      if ('steps' in step) {
        const responses = this.#execute(step) as TxnOperationResponse[];
        return { type: 'txn', revision: 0, succeeded: step.succeeded, responses };
      }
      if (step.type === 'range') return this.range(step);
      const response = step.type === 'put' ? this.#put(step) : this.#delete(step);
      return { ...response, revision: this.#changed ? this.#main : this.revision };
    });
  }

  #checkPut({ key, ignoreLease, ignoreValue }: PutRequest): void {
    if ((ignoreLease || ignoreValue) && this.#now(key) === undefined)
      throw refusal('key-not-found');
  }

  #put({ key, value, lease, ignoreLease, ignoreValue, prevKv }: PutRequest): object {
    const before = this.#now(key);
    this.#set(key, {
      key,
      value: ignoreValue ? before!.value : value,
      createRevision: before?.createRevision ?? this.#main,
      modRevision: this.#main,
      version: (before?.version ?? 0) + 1,
      lease: ignoreLease ? before!.lease : lease,
    });
    return { type: 'put', prevKv: prevKv ? before : undefined };
  }

  #delete({ key, rangeEnd, prevKv }: DeleteRangeRequest): object {
    const found = this.#within(key, rangeEnd, Number.POSITIVE_INFINITY);
    for (const kv of found) this.#set(kv.key, undefined);
    return { type: 'delete-range', deleted: found.length, prevKvs: prevKv ? found : [] };
  }

  #holds({ key, rangeEnd, result, operand }: Compare): boolean {
    const found: (KeyValue | undefined)[] = this.#within(key, rangeEnd, Number.POSITIVE_INFINITY);
    if (found.length === 0) {
      if (operand.target === 'value') return false;
      found.push(undefined);
    }
    return found.every((kv) => {
      let order: number;
      if (operand.target === 'value') order = compareBytes(kv!.value, operand.value);
      else if (operand.target === 'version') order = (kv?.version ?? 0) - operand.version;
      else if (operand.target === 'create')
        order = (kv?.createRevision ?? 0) - operand.createRevision;
      else if (operand.target === 'mod') order = (kv?.modRevision ?? 0) - operand.modRevision;
      else order = Number((kv?.lease ?? 0n) - operand.lease);
      if (result === 'equal') return order === 0;
      if (result === 'not-equal') return order !== 0;
      return result === 'greater' ? order > 0 : order < 0;
    });
  }

  #now(key: Uint8Array): KeyValue | undefined {
    return this.#states(key).at(-1)?.kv;
  }

  #set(key: Uint8Array, kv: KeyValue | undefined): void {
    this.#changed = true;
    this.#states(key).push({ revision: this.#main, kv });
    const type = kv === undefined ? 'delete' : 'put';
    this.events.push({ revision: this.#main, key: name(key), type });
  }

  #states(key: Uint8Array): State[] {
    const text = name(key);
    let states = this.#keys.get(text);
    if (states === undefined) {
      states = [];
      this.#keys.set(text, states);
    }
    return states;
  }

  #within(key: Uint8Array, rangeEnd: Uint8Array, revision: number): KeyValue[] {
    const end = rangeEndOf(rangeEnd);
    const found: KeyValue[] = [];
    for (const states of this.#keys.values()) {
      const kv = states.findLast((state) => state.revision <= revision)?.kv;
      if (kv === undefined) continue;
      const order = compareBytes(kv.key, key);
      if (end === 'one key' ? order !== 0 : order < 0) continue;
      if (end instanceof Uint8Array && compareBytes(kv.key, end) >= 0) continue;
      found.push(kv);
    }
    return found.sort((a, b) => compareBytes(a.key, b.key));
  }
}

interface Path {
  readonly succeeded: boolean;
  readonly steps: readonly (Exclude<TxnOperation, TxnRequest> | Path)[];
}

function leaves({ steps }: Path): Exclude<TxnOperation, TxnRequest>[] {
  return steps.flatMap((step) => ('steps' in step ? leaves(step) : [step]));
}

function refusal(code: ConstructorParameters<typeof QuorateError>[0]): QuorateError {
  return new QuorateError(code, code);
}
