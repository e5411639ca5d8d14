/**
 * What the typed machine costs: a counter's `inc` through the typed API beside the same counter on
 * raw bytes, on three members in this process, so that its CPU time is that of all members together;
 * how long a snapshot of a million entries holds others up; and what an entry takes in memory,
 * beside a plain Map's. Aimed at: at most 5 µs more than raw bytes.
 *
 * `npm run bench -- machine [--seconds N] [--rounds N] [--entries N] [--disk-bytes N]
 * [--directory PATH]`; `--disk-bytes`, by default none, also snapshots a store of that size.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Machine,
  type MachineRestore,
  machine,
  map,
  type Outcome,
  testCluster,
} from '../src/index.ts';
import { NodeStores } from '../src/platform/node-stores.ts';
import { silentLogger } from '../src/ports/logger.ts';
import type { Store } from '../src/ports/store.ts';

const IN_FLIGHT = 256;
const KEYS = 1000;

function setting(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? otherwise : (process.argv[at + 1] ?? otherwise);
}

const seconds = Number(setting('seconds', '3'));
const rounds = Number(setting('rounds', '3'));
const entries = Number(setting('entries', '1000000'));
const diskBytes = Number(setting('disk-bytes', '0'));
const directory = setting('directory', tmpdir());

const counters = machine({
  state: { values: map<bigint, bigint>() },
  commands: {
    inc({ values }, { key, by }: { key: bigint; by: bigint }) {
      const next = (values.get(key) ?? 0n) + by;
      values.set(key, next);
      return next;
    },
  },
});

/** The same without types: two numbers of eight bytes. */
class RawCounters implements Machine {
  readonly #values = new Map<bigint, bigint>();

  apply(command: Uint8Array): Outcome {
    const view = new DataView(command.buffer, command.byteOffset, command.byteLength);
    const key = view.getBigInt64(0);
    const next = (this.#values.get(key) ?? 0n) + view.getBigInt64(8);
    this.#values.set(key, next);
    return { ok: true, value: next };
  }

  snapshot(): Iterator<Uint8Array, void> {
    return [].values();
  }

  restore(): MachineRestore {
    return { chunk() {}, finish() {} };
  }
}

interface Measured {
  readonly perSecond: number;
  readonly cpuUsEach: number;
}

/** Keeps so many on their way for a while. */
async function measure(inc: (n: number) => Promise<unknown>): Promise<Measured> {
  let done = 0;
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  const cpu = process.cpuUsage();
  const one = async (first: number): Promise<void> => {
    for (let n = first; performance.now() < endMs; n += IN_FLIGHT) {
      await inc(n);
      done++;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, n) => one(n)));
  const { user, system } = process.cpuUsage(cpu);
  const tookMs = performance.now() - startMs;
  return { perSecond: (done / tookMs) * 1000, cpuUsEach: (user + system) / done };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

async function compareWithRaw(): Promise<void> {
  const cluster = await testCluster({ options: { logger: silentLogger } });
  try {
    const raws = await cluster.group('raw', () => new RawCounters());
    const typeds = await cluster.group('typed', counters);
    const at = raws.findIndex(({ leadership }) => leadership.isLeader);
    const raw = raws[Math.max(at, 0)]!;
    await typeds[0]!.transferLeadership(cluster.members[Math.max(at, 0)]!.id).catch(() => {});
    const typed = typeds[Math.max(at, 0)]!;
    const proposeRaw = (n: number): Promise<unknown> => {
      const bytes = new Uint8Array(16);
      const view = new DataView(bytes.buffer);
      view.setBigInt64(0, BigInt(n % KEYS));
      view.setBigInt64(8, 1n);
      return raw.propose(bytes);
    };
    const proposeTyped = (n: number) => typed.commands.inc({ key: BigInt(n % KEYS), by: 1n });
    const results: Record<'raw' | 'typed', Measured[]> = { raw: [], typed: [] };
    await measure(proposeRaw);
    await measure(proposeTyped);
    for (let round = 0; round < rounds; round++) {
      results.raw.push(await measure(proposeRaw));
      results.typed.push(await measure(proposeTyped));
    }
    const us = (of: Measured[]) => median(of.map(({ cpuUsEach }) => cpuUsEach));
    const each = (of: Measured[]) => Math.round(median(of.map(({ perSecond }) => perSecond)));
    const [rawUs, typedUs] = [us(results.raw), us(results.typed)];
    console.log(`raw bytes  ${rawUs.toFixed(1)} µs CPU on all members, ${each(results.raw)}/s`);
    console.log(`typed inc  ${typedUs.toFixed(1)} µs CPU on all members, ${each(results.typed)}/s`);
    console.log(`difference ${(typedUs - rawUs).toFixed(1)} µs (aimed at: at most 5.0)`);
  } finally {
    await cluster.close();
  }
}

const gc = (globalThis as { gc?: () => void }).gc ?? (() => {});

function heapBytes(): number {
  gc();
  gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Takes a snapshot while commands go on, as the engine does: a chunk, some commands, a chunk … */
async function snapshotWhile(
  walk: Iterator<Uint8Array, void>,
  command: () => void,
  behind: () => Promise<void> | undefined = () => undefined,
) {
  let [longestMs, longestCpuMs, longestCommandMs, chunks, bytes] = [0, 0, 0, 0, 0];
  for (;;) {
    const startMs = performance.now();
    const cpu = process.cpuUsage();
    const step = walk.next();
    const { user, system } = process.cpuUsage(cpu);
    longestMs = Math.max(longestMs, performance.now() - startMs);
    longestCpuMs = Math.max(longestCpuMs, (user + system) / 1000);
    if (step.done === true) break;
    chunks++;
    bytes += step.value.length;
    const commandMs = performance.now();
    command();
    longestCommandMs = Math.max(longestCommandMs, performance.now() - commandMs);
    await behind();
  }
  return { longestMs, longestCpuMs, longestCommandMs, chunks, bytes };
}

async function compareWithMap(): Promise<void> {
  const before = heapBytes();
  const plain = new Map<bigint, bigint>();
  for (let n = 0; n < entries; n++) plain.set(BigInt((n * 7919) % entries), BigInt(n));
  const plainEach = (heapBytes() - before) / entries;
  plain.clear();

  const empty = heapBytes();
  const typed = counters.create();
  let index = 0;
  const inc = (n: number): void => {
    const command = typed.encode('inc', { key: BigInt(n), by: BigInt(n) }) as Uint8Array;
    typed.apply(command, { index: ++index, term: 1, timeMs: 0 });
  };
  const startMs = performance.now();
  for (let n = 0; n < entries; n++) inc((n * 7919) % entries);
  const applyUs = ((performance.now() - startMs) * 1000) / entries;
  const typedEach = (heapBytes() - empty) / entries;
  console.log(`\n${entries} entries of two bigints, in no order`);
  console.log(`plain Map  ${plainEach.toFixed(0)} bytes an entry`);
  console.log(
    `map()      ${typedEach.toFixed(0)} bytes an entry; ${applyUs.toFixed(2)} µs to encode and apply`,
  );
  const frozenMs = performance.now();
  const walk = typed.snapshot();
  const freezeMs = performance.now() - frozenMs;
  let next = 0;
  const result = await snapshotWhile(walk, () => {
    for (let i = 0; i < 20; i++) {
      next += 104_729;
      inc(next % entries);
    }
  });
  say('snapshot', freezeMs, result);
}

function say(
  what: string,
  freezeMs: number,
  result: Awaited<ReturnType<typeof snapshotWhile>>,
): void {
  const { longestMs, longestCpuMs, longestCommandMs, chunks, bytes } = result;
  console.log(
    `${what}   ${freezeMs.toFixed(2)} ms to begin; longest step ${longestMs.toFixed(2)} ms ` +
      `(${longestCpuMs.toFixed(2)} ms of CPU) of ${chunks} (${(bytes / 1e6).toFixed(0)} MB); longest 20 commands between ${longestCommandMs.toFixed(2)} ms`,
  );
}

async function onDisk(): Promise<void> {
  const folder = mkdtempSync(join(directory, 'quorate-bench-machine-'));
  const stores = new NodeStores(folder);
  const store = await new Promise<Store>((resolve, reject) => {
    stores.open('s', (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
  });
  const blobs = machine({
    state: { values: map<number, Uint8Array>({ on: 'disk' }) },
    commands: {
      put({ values }, { key, value }: { key: number; value: Uint8Array }) {
        values.set(key, value);
      },
    },
    changesKeptMax: 0,
  });
  try {
    const typed = blobs.create({ store });
    const value = new Uint8Array(1000).fill(7);
    const count = Math.floor(diskBytes / value.length);
    let index = 0;
    const put = (key: number): void => {
      const command = typed.encode('put', { key, value }) as Uint8Array;
      typed.apply(command, { index: ++index, term: 1, timeMs: 0 });
    };
    const flush = (): Promise<void> =>
      new Promise((resolve, reject) => {
        const mark = { position: { index, term: 1 }, state: new Uint8Array(0) };
        typed.kept!.flush(mark, (error) => (error === null ? resolve() : reject(error)));
      });
    const startMs = performance.now();
    for (let key = 0; key < count; key++) {
      put(key);
      if (typed.kept!.pressure() !== 'little') await flush();
    }
    await flush();
    const loadUs = ((performance.now() - startMs) * 1000) / count;
    console.log(
      `\n${count} entries of 1 kB on disk, ${loadUs.toFixed(1)} µs each to apply and flush`,
    );
    const frozenMs = performance.now();
    const walk = typed.snapshot();
    const freezeMs = performance.now() - frozenMs;
    let next = 0;
    const commands = (): void => {
      for (let i = 0; i < 20; i++) {
        next += 104_729;
        put(next % count);
      }
    };
    // As the engine does: what is applied is written behind while the snapshot goes on.
    const behind = () => (typed.kept!.pressure() === 'little' ? undefined : flush());
    const result = await snapshotWhile(walk, commands, behind);
    say('snapshot', freezeMs, result);
    await flush();
  } finally {
    await new Promise<void>((resolve) => store.close(() => resolve()));
    rmSync(folder, { recursive: true, force: true });
  }
}

await compareWithMap();
if (diskBytes > 0) await onDisk();
await compareWithRaw();
