/**
 * What one durable write costs through the disk port: into a preallocated file, one batch after the
 * other, as the log does. Run it on a built tree: `node dist/bench/disk.js [DIRECTORY]`.
 */
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { QuorateError } from '../src/base/errors.ts';
import { NodeDisk } from '../src/platform/node-disk.ts';
import type { DiskFile } from '../src/ports/disk.ts';

const writes = 2_000;
const batchesBytes = [512, 4096, 65_536];

type Way = (file: DiskFile, batch: readonly Uint8Array[], at: number) => Promise<void>;

const ways: Readonly<Record<string, Way>> = {
  writeAndSync: (file, batch, at) => promise((done) => file.writeAndSync(batch, at, done)),
  'write, then sync': async (file, batch, at) => {
    await promise((done) => file.write(batch, at, done));
    await promise((done) => file.sync(done));
  },
};

/** Measures and prints a table. */
export async function main(directory = os.tmpdir()): Promise<void> {
  const root = fs.mkdtempSync(join(directory, 'quorate-bench-'));
  try {
    console.log('way                 bytes   median µs   p99 µs   CPU µs');
    for (let round = 0; round < 3; round++) {
      for (const [name, way] of Object.entries(ways)) {
        for (const bytes of batchesBytes) await measure(new NodeDisk(root), name, way, bytes);
      }
    }
  } finally {
    fs.rmSync(root, { recursive: true });
  }
}

async function measure(disk: NodeDisk, name: string, way: Way, bytes: number): Promise<void> {
  const file = await new Promise<DiskFile>((resolve, reject) => {
    disk.open('log', 'create', (answer) => {
      if (answer instanceof QuorateError) reject(answer);
      else resolve(answer);
    });
  });
  const sizeBytes = Math.min(64 * 1024 * 1024, writes * bytes);
  await promise((done) => file.preallocate(sizeBytes, done));
  // A batch is a few buffers: the frame's head, and the entries as they came.
  const batch = [new Uint8Array(32).fill(1), new Uint8Array(bytes - 32).fill(2)];
  const tookUs: number[] = [];
  const before = process.cpuUsage();
  for (let write = 0; write < writes; write++) {
    const startMs = performance.now();
    await way(file, batch, (write * bytes) % sizeBytes);
    tookUs.push((performance.now() - startMs) * 1000);
  }
  const { user, system } = process.cpuUsage(before);
  tookUs.sort((a, b) => a - b);
  const columns = [
    tookUs[writes / 2]!.toFixed(0).padStart(11),
    tookUs[Math.floor(writes * 0.99)]!.toFixed(0).padStart(8),
    ((user + system) / writes).toFixed(0).padStart(8),
  ];
  console.log(name.padEnd(18), String(bytes).padStart(6), ...columns);
  await promise((done) => file.close(done));
  await promise((done) => disk.remove('log', done));
}

function promise(start: (done: (error: QuorateError | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(process.argv[2]);
