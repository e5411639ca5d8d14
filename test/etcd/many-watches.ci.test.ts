/**
 * Ten thousand watches on one member, a server in a process of its own: everybody hears of what it
 * watches and of nothing else, those who begin long ago are told from history, and one who does not
 * read costs no memory.
 */
import { readFileSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClientStream } from '../../src/grpc/client.ts';
import * as pb from '../../src/server/proto/gen/etcdserverpb/rpc_pb.ts';
import { methodOf } from '../../src/server/services/registry.ts';
import { until } from '../processes/waiting.ts';
import { Peer } from './differential/compare.ts';
import { QuorateCluster } from './quorate-process.ts';

const streamCount = 10;
const watchesEach = 1000;
const watchCount = streamCount * watchesEach;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const prefixOf = (watch: number): string => `w/${String(watch).padStart(5, '0')}/`;
const putMethod = methodOf(pb.KV.method.put);

let cluster: QuorateCluster;
let peer: Peer;

beforeAll(async () => {
  cluster = await QuorateCluster.start(1);
  peer = await Peer.connect(cluster.members[0]!.port);
});

afterAll(async () => {
  peer.close();
  await cluster.stop();
});

/** MiB of the server's own memory, without what it has mapped. */
function memoryMiB(): number {
  const status = readFileSync(`/proc/${cluster.members[0]!.pid}/status`, 'utf8');
  return Number(/RssAnon:\s+(\d+)/.exec(status)![1]) / 1024;
}

/** Puts a value under each of these prefixes, a hundred at a time; answers the last revision. */
async function putAll(watches: readonly number[], value: Uint8Array): Promise<number> {
  let revision = 0n;
  for (let from = 0; from < watches.length; from += 100) {
    const answers = await Promise.all(
      watches.slice(from, from + 100).map((watch) => {
        const key = bytes(`${prefixOf(watch)}key`);
        return peer.client.unary(putMethod, create(pb.PutRequestSchema, { key, value }));
      }),
    );
    for (const { header } of answers) if (header!.revision > revision) revision = header!.revision;
  }
  return Number(revision);
}

/** A stream with watches, and what each of them has heard: keys, by the watch's number. */
class Watcher {
  readonly stream: ClientStream<pb.WatchRequest>;
  readonly heard = new Map<number, string[]>();
  events = 0;
  created = 0;
  readonly #first: number;

  constructor(from: Peer, first: number, count: number, startRevision = 0) {
    this.#first = first;
    this.stream = from.client.stream(
      methodOf(pb.Watch.method.watch),
      {},
      { received: (response) => this.#received(response), ended: () => {} },
    );
    for (let at = 0; at < count; at++) {
      const prefix = prefixOf(first + at);
      const value = create(pb.WatchCreateRequestSchema, {
        key: bytes(prefix),
        rangeEnd: bytes(`${prefix.slice(0, -1)}0`),
        startRevision: BigInt(startRevision),
      });
      const requestUnion = { case: 'createRequest' as const, value };
      this.stream.send(create(pb.WatchRequestSchema, { requestUnion }));
    }
  }

  #received({ created, watchId, events }: pb.WatchResponse): void {
    if (created) this.created++;
    const watch = this.#first + Number(watchId);
    for (const { kv } of events) {
      this.events++;
      const keys = this.heard.get(watch) ?? [];
      keys.push(new TextDecoder().decode(kv!.key));
      this.heard.set(watch, keys);
    }
  }
}

/** Each of the watches has heard of its own key so many times, and of no other. */
function expectOwn(watchers: readonly Watcher[], times: number): void {
  for (const [at, { heard }] of watchers.entries()) {
    for (let watch = at * watchesEach; watch < (at + 1) * watchesEach; watch++) {
      const own = `${prefixOf(watch)}key`;
      expect(heard.get(watch)).toEqual(Array.from({ length: times }, () => own));
    }
  }
}

const all = Array.from({ length: watchCount }, (_, watch) => watch);

test('ten thousand watches each hear of their own prefix, now and from history', async () => {
  const before = memoryMiB();
  const watchers = Array.from({ length: streamCount }, (_, at) => {
    return new Watcher(peer, at * watchesEach, watchesEach);
  });
  const sum = (of: 'created' | 'events', among = watchers): number =>
    among.reduce((total, watcher) => total + watcher[of], 0);
  await until('all to be created', () => sum('created') === watchCount);
  await putAll(all, bytes('once'));
  await until('all to have heard', () => sum('events') === watchCount);
  expectOwn(watchers, 1);
  // All of them at once, from the beginning: what has happened is read for many at a time.
  const late = Array.from({ length: streamCount }, (_, at) => {
    return new Watcher(peer, at * watchesEach, watchesEach, 1);
  });
  await until('the late to have heard', () => sum('events', late) === watchCount);
  expectOwn(late, 1);
  await putAll(
    all.filter((watch) => watch % 10 === 0),
    bytes('again'),
  );
  await until('some to have heard again', () => sum('events') === 1.1 * watchCount);
  await until('the late too', () => sum('events', late) === 1.1 * watchCount);
  // Twenty thousand watches, at some hundred bytes each.
  expect(memoryMiB() - before).toBeLessThan(200);
  for (const { stream } of [...watchers, ...late]) stream.cancel();
}, 240_000);

test('a client that does not read costs no memory, and misses nothing', async () => {
  const slow = await Peer.connect(cluster.members[0]!.port);
  const watcher = new Watcher(slow, 0, 1);
  await until('the watch to be there', () => watcher.created === 1);
  watcher.stream.pause();
  const value = new Uint8Array(64 * 2 ** 10).fill(0x76);
  const rounds = 32;
  for (let round = 0; round < rounds; round++) {
    await putAll(
      Array.from({ length: 50 }, () => 0),
      value,
    );
  }
  // 100 MiB of events; what a stream may have on its way is a small part of that.
  expect(watcher.events).toBeLessThan(rounds * 50);
  expect(memoryMiB()).toBeLessThan(400);
  watcher.stream.resume();
  await until('it to have heard', () => watcher.events === rounds * 50);
  expect(watcher.heard.get(0)).toHaveLength(rounds * 50);
  slow.close();
}, 240_000);
