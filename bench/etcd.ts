/**
 * Three of our servers and three of etcd's, in turn in one run, under the same client: `h2load` with
 * gRPC bodies. A second, median, 99th percentile, and the processor time of all three servers for
 * each request, which is the steadiest figure (reference: performance.md, "How to compare fairly").
 *
 * h2load repeats one request and does not look at gRPC's status: what it is given is tried first.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import * as pb from '../src/server/proto/gen/etcdserverpb/rpc_pb.ts';
import { Trio } from './etcd/clusters.ts';

const rounds = 3;
const seconds = Number(process.argv[2] ?? '4');
const value = new Uint8Array(256).fill(0x76);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** One line of the table. */
interface Row {
  readonly what: string;
  readonly path: string;
  readonly body: Uint8Array;
  readonly connections: number;
  readonly streams: number;
}

interface Measured {
  readonly perSecond: number;
  readonly meanMs: number;
  readonly cpuMicros: number;
}

function body<Schema extends DescMessage>(
  schema: Schema,
  init: MessageInitShape<Schema>,
): Uint8Array {
  const message = toBinary(schema, create(schema, init));
  const framed = Buffer.alloc(5 + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

const put = body(pb.PutRequestSchema, { key: bytes('bench-01'), value });
const range = body(pb.RangeRequestSchema, { key: bytes('bench-01') });
const serializable = body(pb.RangeRequestSchema, { key: bytes('bench-01'), serializable: true });
const thousand = body(pb.RangeRequestSchema, { key: bytes('many/'), rangeEnd: bytes('many0') });
const txn = body(pb.TxnRequestSchema, {
  compare: [{ key: bytes('none'), target: 0, targetUnion: { case: 'version', value: 0n } }],
  success: [{ request: { case: 'requestPut', value: { key: bytes('bench-02'), value } } }],
});

const kv = '/etcdserverpb.KV';
const rows: readonly Row[] = [
  { what: 'put, 1 client', path: `${kv}/Put`, body: put, connections: 1, streams: 1 },
  { what: 'put, 64 clients', path: `${kv}/Put`, body: put, connections: 16, streams: 4 },
  { what: 'put, 256 clients', path: `${kv}/Put`, body: put, connections: 16, streams: 16 },
  { what: 'txn, 64 clients', path: `${kv}/Txn`, body: txn, connections: 16, streams: 4 },
  { what: 'range, linearizable, 1', path: `${kv}/Range`, body: range, connections: 1, streams: 1 },
  {
    what: 'range, linearizable, 256',
    path: `${kv}/Range`,
    body: range,
    connections: 4,
    streams: 64,
  },
  {
    what: 'range, serializable, 256',
    path: `${kv}/Range`,
    body: serializable,
    connections: 4,
    streams: 64,
  },
  {
    what: 'range of 1,000 keys, 16',
    path: `${kv}/Range`,
    body: thousand,
    connections: 4,
    streams: 4,
  },
];

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-bench-'));
  const ours = await Trio.start('quorate', [process.execPath, 'dist/src/cli/main.js', 'serve']);
  const theirs = await Trio.start('etcd', ['etcd']);
  try {
    for (const trio of [ours, theirs]) await fill(trio);
    const results = new Map<string, Measured[]>();
    for (const row of rows) {
      for (let round = 0; round < rounds; round++) {
        for (const trio of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) {
          const key = `${row.what} ${trio.name}`;
          const measured = await measure(trio, row, folder);
          results.set(key, [...(results.get(key) ?? []), measured]);
        }
      }
      print(
        row,
        median(results.get(`${row.what} quorate`)!),
        median(results.get(`${row.what} etcd`)!),
      );
    }
    console.log(`memory, MiB: quorate ${ours.memoryMiB()}, etcd ${theirs.memoryMiB()}`);
  } finally {
    await ours.stop();
    await theirs.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A thousand keys for large ranges, and the key that is read. */
async function fill(trio: Trio): Promise<void> {
  const base = `http://127.0.0.1:${await trio.leaderPort()}/v3/kv/put`;
  const base64 = (text: Uint8Array): string => Buffer.from(text).toString('base64');
  for (let i = 0; i < 1_000; i++) {
    const key = base64(bytes(`many/${String(i).padStart(4, '0')}`));
    const init = { method: 'POST', body: JSON.stringify({ key, value: base64(value) }) };
    const answer = await fetch(base, init);
    if (answer.status !== 200) throw new Error(`${trio.name}: ${await answer.text()}`);
    await answer.arrayBuffer();
  }
}

async function measure(trio: Trio, row: Row, folder: string): Promise<Measured> {
  const file = join(folder, 'body');
  writeFileSync(file, row.body);
  const url = `http://127.0.0.1:${await trio.leaderPort()}${row.path}`;
  const headers = ['-H', 'content-type: application/grpc', '-H', 'te: trailers'];
  const load = (duration: number) =>
    spawnSync(
      'h2load',
      [
        ...['-D', String(duration), '-c', String(row.connections), '-m', String(row.streams)],
        ...['-t', '1', '-d', file, ...headers, url],
      ],
      { encoding: 'utf8' },
    ).stdout;
  load(1);
  const before = trio.cpuMicros();
  const output = load(seconds);
  const cpu = trio.cpuMicros() - before;
  const [, count] = /(\d+) succeeded/.exec(output) ?? [];
  const [, mean, unit] = /time for request:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)/.exec(output) ?? [];
  const requests = Number(count ?? Number.NaN);
  const scale = unit === 'us' ? 1e-3 : unit === 's' ? 1e3 : 1;
  return {
    perSecond: requests / seconds,
    meanMs: Number(mean) * scale,
    cpuMicros: cpu / requests,
  };
}

function median(all: readonly Measured[]): Measured {
  const middle = (of: (each: Measured) => number): number =>
    all.map(of).sort((a, b) => a - b)[Math.floor(all.length / 2)]!;
  return {
    perSecond: middle((each) => each.perSecond),
    meanMs: middle((each) => each.meanMs),
    cpuMicros: middle((each) => each.cpuMicros),
  };
}

function print({ what }: Row, ours: Measured, theirs: Measured): void {
  const side = ({ perSecond, meanMs, cpuMicros }: Measured): string =>
    `${Math.round(perSecond).toString().padStart(7)}/s ${meanMs.toFixed(2).padStart(7)} ms ${cpuMicros.toFixed(0).padStart(5)} µs`;
  const times = (theirs.cpuMicros / ours.cpuMicros).toFixed(2);
  console.log(`${what.padEnd(28)} quorate ${side(ours)}   etcd ${side(theirs)}   CPU ${times} ×`);
}

await main();
