/** The median of one durable write of a command's size into a preallocated file, the floor of all. */
import { QuorateError } from '../../src/base/errors.ts';
import { NodeDisk } from '../../src/platform/node-disk.ts';
import type { DiskFile } from '../../src/ports/disk.ts';

const WRITES = 500;
/** A command of 256 bytes with what the log writes around it. */
const WRITE_BYTES = 512;

/** In milliseconds. */
export async function medianDurableWriteMs(directory: string): Promise<number> {
  const disk = new NodeDisk(directory);
  const file = await new Promise<DiskFile>((resolve, reject) => {
    disk.open('durable-writes', 'create', (answer) => {
      if (answer instanceof QuorateError) reject(answer);
      else resolve(answer);
    });
  });
  const settled = (start: (done: (error: QuorateError | null) => void) => void) =>
    new Promise<void>((resolve, reject) => {
      start((error) => (error === null ? resolve() : reject(error)));
    });
  await settled((done) => file.preallocate(WRITES * WRITE_BYTES, done));
  const bytes = new Uint8Array(WRITE_BYTES).fill(7);
  const tookMs: number[] = [];
  for (let write = 0; write < WRITES; write++) {
    const startMs = performance.now();
    await settled((done) => file.writeAndSync([bytes], write * WRITE_BYTES, done));
    tookMs.push(performance.now() - startMs);
  }
  await settled((done) => file.close(done));
  await settled((done) => disk.remove('durable-writes', done));
  tookMs.sort((a, b) => a - b);
  return tookMs[WRITES >> 1]!;
}
