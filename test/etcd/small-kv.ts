/**
 * A key-value service that is just large enough to test what stands in front of it: single keys,
 * watches from now on, one token. What it leaves out fails as `not-capable`.
 */
import { QuorateError } from '../../src/base/errors.ts';
import type { Kv, KvFigures, WatchSink } from '../../src/kv/api.ts';
import type { KeyValue } from '../../src/mvcc/request.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

export class SmallKv {
  readonly clusterId = 11n;
  readonly memberId = 2n ** 63n + 5n;
  readonly isLeader = true;
  readonly isLearner = false;
  leaderId = this.memberId;
  revision = 1;
  health_: Awaited<ReturnType<Kv['health']>> = 'healthy';
  readonly stored = new Map<string, KeyValue>();
  readonly sinks = new Set<WatchSink>();
  resumed = 0;
  readonly seenCallers: unknown[] = [];

  /** As the interface that the server wants; whatever is not here fails. */
  asKv(): Kv {
    return new Proxy(this as unknown as Kv, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value === 'function') return value.bind(target);
        if (value !== undefined) return value;
        return () => Promise.reject(new QuorateError('not-capable', String(name)));
      },
    });
  }

  get figures(): KvFigures {
    const known = { currentRevision: this.revision, hasLeader: true, isLearner: false };
    const figures = new Proxy(known, { get: (all, name) => Reflect.get(all, name) ?? 0 });
    return figures as KvFigures;
  }

  header() {
    const { clusterId, memberId, revision } = this;
    return { clusterId, memberId, revision, raftTerm: 3 };
  }

  identify: Kv['identify'] = ({ token, certificateName }) => {
    this.seenCallers.push(token ?? certificateName);
    if (token === 'bad') throw new QuorateError('invalid-auth-token', 'no such token');
    return undefined;
  };

  health: Kv['health'] = async ({ excludeAlarms } = {}) =>
    excludeAlarms && this.health_ === 'no-space' ? 'healthy' : this.health_;

  range: Kv['range'] = async ({ key, revision }) => {
    if (key.length === 0) throw new QuorateError('key-not-provided', '');
    if (revision > this.revision) throw new QuorateError('future-revision', '');
    const found = this.stored.get(text(key));
    const kvs = found === undefined ? [] : [found];
    return { type: 'range', revision: this.revision, kvs, more: false, count: kvs.length };
  };

  put: Kv['put'] = async ({ key, value, lease }) => {
    if (key.length === 0) throw new QuorateError('key-not-provided', '');
    const prevKv = this.stored.get(text(key));
    const modRevision = ++this.revision;
    const createRevision = prevKv?.createRevision ?? modRevision;
    const version = (prevKv?.version ?? 0) + 1;
    const kv = { key, value, lease, modRevision, createRevision, version };
    this.stored.set(text(key), kv);
    for (const sink of this.sinks) {
      sink.send({ ...blank, revision: modRevision, events: [{ type: 'put', kv, prevKv }] });
    }
    return { type: 'put', revision: modRevision, prevKv };
  };

  leases: Kv['leases'] = async () => [9007199254740993n, -1n];

  snapshot: Kv['snapshot'] = async () => ({
    sizeBytes: 3 + 32,
    chunks: (async function* () {
      yield Uint8Array.of(1, 2);
      yield Uint8Array.of(3);
    })(),
  });

  watch: Kv['watch'] = (sink) => ({
    create: () => {
      this.sinks.add(sink);
      sink.send({ ...blank, revision: this.revision, created: true });
    },
    cancel: () => {
      this.sinks.delete(sink);
      sink.send({ ...blank, canceled: true });
    },
    progress: () => void sink.send({ ...blank, watchId: -1n, revision: this.revision }),
    resume: () => void this.resumed++,
    close: () => void this.sinks.delete(sink),
  });
}

const blank = {
  revision: 0,
  watchId: 0n,
  created: false,
  canceled: false,
  cancelReason: undefined,
  compactRevision: 0,
  fragment: false,
  events: [],
};
