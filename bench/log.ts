/**
 * The log alone, on a real disk: records a second and CPU per record at several sizes of batches,
 * one write and one sync a batch, and how long it takes to recover a million entries.
 *
 * `npm run bench -- log [--seconds N] [--entries N] [--directory PATH]`
 */
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { crc32c } from '../src/base/crc32c.ts';
import { QuorateError } from '../src/base/errors.ts';
import { DiskRequests } from '../src/engine/log/disk-requests.ts';
import type { MemberLog } from '../src/engine/log/member-log.ts';
import { foundLog, type OpenedLog, openLog } from '../src/engine/log/opening.ts';
import { DiskDriver } from '../src/member/disk-driver.ts';
import { NodeDisk } from '../src/platform/node-disk.ts';
import type { DiskFile } from '../src/ports/disk.ts';
import type { Entry } from '../src/raft/entry.ts';

function setting(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? otherwise : (process.argv[at + 1] ?? otherwise);
}

const seconds = Number(setting('seconds', '3'));
const total = Number(setting('entries', '1000000'));
/** An entry of the reference's 300-byte records, and one of the aim's 256-byte commands. */
const recordBytes = 300;
const commandBytes = 256;
const floorBytes = 64 * 2 ** 20;

/** A log on a directory, driven as a member drives it. */
class Runner {
  readonly disk = new DiskRequests();
  readonly #driver: DiskDriver;
  #log: MemberLog | undefined;
  /** Called after each operation that has ended. */
  onProgress: () => void = () => {};

  constructor(directory: string) {
    this.#driver = new DiskDriver(new NodeDisk(directory));
  }

  get log(): MemberLog {
    if (this.#log === undefined) throw new Error('the log is not open');
    return this.#log;
  }

  open(found: boolean): Promise<OpenedLog> {
    return new Promise((resolve, reject) => {
      const answer = (result: OpenedLog | 'new' | QuorateError): void => {
        if (result === 'new' || result instanceof QuorateError) return reject(result);
        this.#log = result.log;
        resolve(result);
      };
      const identity = { clusterId: 1, memberId: 1, incarnation: 1, name: 'bench' };
      if (found) foundLog(this.disk, identity, {}, answer);
      else openLog(this.disk, {}, answer);
      this.pump();
    });
  }

  pump(): void {
    for (const operation of this.disk.take()) {
      this.#driver.run(operation, (result) => {
        this.disk.complete(operation.id, result);
        if (this.#log?.fault !== undefined) throw this.#log.fault;
        this.pump();
        this.onProgress();
      });
    }
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.log.close(resolve);
      this.pump();
    });
    await new Promise<void>((resolve) => this.#driver.close(resolve));
  }
}

/** Writes batches of `size` for a while, the next when the one before is durable. */
async function write(runner: Runner, size: number, forMs: number): Promise<number> {
  const { log } = runner;
  const group = log.openGroup(1);
  const data = new Uint8Array(recordBytes).fill(7);
  let records = 0;
  const endMs = performance.now() + forMs;
  return await new Promise((resolve) => {
    let ticket = 0;
    const next = (): void => {
      if (log.durableTicket < ticket) return;
      if (performance.now() > endMs) {
        runner.onProgress = () => {};
        return resolve(records);
      }
      const first = group.lastIndex() + 1;
      const entries: Entry[] = [];
      for (let i = 0; i < size; i++)
        entries.push({ type: 'normal', term: 1, index: first + i, data });
      records += size;
      ticket = log.append({
        group: 1,
        entries,
        hardState: { term: 1, vote: 0, commit: first - 1 },
      });
      if (first > 100_000) group.compactTo(first - 50_000);
      log.flush();
      runner.pump();
    };
    runner.onProgress = next;
    next();
  });
}

interface Rate {
  readonly perSecond: number;
  readonly cpuUs: number;
}

/** The floor: a checksum a record, and as many bytes written and synced, and nothing else. */
async function bare(directory: string, size: number): Promise<Rate> {
  const disk = new NodeDisk(directory);
  const opened = <T>(start: (done: (result: T | QuorateError) => void) => void): Promise<T> =>
    new Promise((resolve, reject) => {
      start((result) => (result instanceof QuorateError ? reject(result) : resolve(result)));
    });
  const done = (start: (done: (error: QuorateError | null) => void) => void): Promise<null> =>
    opened<null>((answer) => start((error) => answer(error)));
  const file = await opened<DiskFile>((answer) => disk.open('bare', 'create', answer));
  await done((answer) => file.preallocate(floorBytes, answer));
  const data = new Uint8Array(recordBytes).fill(7);
  const batch = new Uint8Array(size * (recordBytes + 10));
  let position = 0;
  let records = 0;
  const run = async (forMs: number): Promise<void> => {
    const endMs = performance.now() + forMs;
    while (performance.now() < endMs) {
      for (let i = 0; i < size; i++) {
        crc32c(data);
        batch.set(data, i * (recordBytes + 10));
      }
      await done((answer) => file.writeAndSync([batch], position, answer));
      position = position + 2 * batch.length > floorBytes ? 0 : position + batch.length;
      records += size;
    }
  };
  await run(300);
  records = 0;
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  await run((seconds * 1000) / 2);
  const { user, system } = process.cpuUsage(cpuBefore);
  const perSecond = (records / (performance.now() - startMs)) * 1000;
  await done((answer) => file.close(answer));
  return { perSecond, cpuUs: (user + system) / records };
}

async function measureWriting(directory: string): Promise<void> {
  console.log(`${recordBytes}-byte records, ${seconds} s each: one write and sync a batch`);
  console.log(
    'batch     records/s   batches/s   CPU-µs a record   aim   (bare write: records/s, CPU-µs)',
  );
  const aims = new Map([
    [16, '12'],
    [256, '1.3'],
  ]);
  for (const size of [1, 16, 256]) {
    const path = join(directory, `write-${size}`);
    fs.mkdirSync(path);
    const runner = new Runner(path);
    await runner.open(true);
    await write(runner, size, 500);
    const cpuBefore = process.cpuUsage();
    const startMs = performance.now();
    const records = await write(runner, size, seconds * 1000);
    const elapsedMs = performance.now() - startMs;
    const { user, system } = process.cpuUsage(cpuBefore);
    await runner.close();
    const floor = await bare(path, size);
    const perSecond = (records / elapsedMs) * 1000;
    console.log(
      `${String(size).padEnd(6)}${Math.round(perSecond).toLocaleString('en').padStart(13)}` +
        `${Math.round(perSecond / size)
          .toLocaleString('en')
          .padStart(12)}` +
        `${((user + system) / records).toFixed(2).padStart(18)}${(aims.get(size) ?? '').padStart(6)}` +
        `   (${Math.round(floor.perSecond).toLocaleString('en')}, ${floor.cpuUs.toFixed(2)})`,
    );
    fs.rmSync(path, { recursive: true });
  }
}

async function measureRecovery(directory: string): Promise<void> {
  const path = join(directory, 'recover');
  fs.mkdirSync(path);
  const runner = new Runner(path);
  await runner.open(true);
  const { log } = runner;
  log.openGroup(1);
  const data = new Uint8Array(commandBytes).fill(9);
  await new Promise<void>((resolve) => {
    let index = 0;
    let ticket = 0;
    const next = (): void => {
      if (log.durableTicket < ticket) return;
      if (index >= total) {
        runner.onProgress = () => {};
        return resolve();
      }
      const entries: Entry[] = [];
      for (let i = 0; i < 256; i++) entries.push({ type: 'normal', term: 1, index: ++index, data });
      ticket = log.append({ group: 1, entries });
      log.flush();
      runner.pump();
    };
    runner.onProgress = next;
    next();
  });
  await runner.close();
  globalThis.gc?.();
  const heapBefore = process.memoryUsage();
  const startMs = performance.now();
  const again = new Runner(path);
  const { report } = await again.open(false);
  const elapsedMs = performance.now() - startMs;
  globalThis.gc?.();
  const heap = process.memoryUsage();
  const grownMib =
    (heap.heapUsed + heap.arrayBuffers - heapBefore.heapUsed - heapBefore.arrayBuffers) / 2 ** 20;
  console.log(
    `recovery of ${report.entries.toLocaleString('en')} entries of ${commandBytes} bytes, ` +
      `${report.segments} segments: ${elapsedMs.toFixed(0)} ms (aim < 2000), ` +
      `${grownMib.toFixed(0)} MiB of memory`,
  );
  await again.close();
}

const directory = fs.mkdtempSync(join(setting('directory', os.tmpdir()), 'quorate-bench-log-'));
try {
  await measureWriting(directory);
  await measureRecovery(directory);
} finally {
  fs.rmSync(directory, { recursive: true });
}
