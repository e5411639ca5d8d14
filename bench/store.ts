/**
 * The ordered store alone, on a real disk: synced batches of several sizes, keys that append at the
 * end and keys all over the place; then single reads and walks.
 *
 * `npm run bench -- store [--entries N] [--directory PATH]`
 */
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { NodeStores } from '../src/platform/node-stores.ts';
import type { Store, StoreWrite } from '../src/ports/store.ts';

function setting(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? otherwise : (process.argv[at + 1] ?? otherwise);
}

const entries = Number(setting('entries', '100000'));
const directory = fs.mkdtempSync(join(setting('directory', os.tmpdir()), 'quorate-bench-'));
const value = new Uint8Array(300).fill(0x76);

/** Keys of 13 bytes; the space keeps rounds apart. */
function key(space: number, of: number, scattered: boolean): Uint8Array {
  const bytes = new Uint8Array(13);
  bytes[0] = space;
  const view = new DataView(bytes.buffer);
  view.setUint32(1, scattered ? (of * 2_654_435_761) % 2 ** 32 : of);
  view.setUint32(9, of);
  return bytes;
}

async function measure(
  what: string,
  count: number,
  work: () => Promise<void> | void,
): Promise<void> {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  await work();
  const ms = performance.now() - begun;
  const { user, system } = process.cpuUsage(cpu);
  const rate = Math.round((count / ms) * 1000).toLocaleString('en');
  const each = ((user + system) / count).toFixed(1);
  console.log(`${what.padEnd(44)} ${rate.padStart(10)}/s  ${each.padStart(6)} µs CPU`);
}

const store = await new Promise<Store>((resolve, reject) => {
  new NodeStores(directory).open('store', (answer) => {
    if (answer instanceof Error) reject(answer);
    else resolve(answer);
  });
});
const write = (batch: StoreWrite[]): Promise<void> =>
  new Promise((resolve, reject) => {
    store.write(batch, (error) => (error === null ? resolve() : reject(error)));
  });

let space = 0;
for (const size of [16, 256, 4096]) {
  for (const scattered of [false, true]) {
    space++;
    const count = Math.min(entries, size * 200);
    let stalledMs = 0;
    await measure(
      `${scattered ? 'scattered' : 'appended'}, ${size} a synced batch`,
      count,
      async () => {
        for (let from = 0; from < count; from += size) {
          const batch = Array.from({ length: size }, (_, at) => ({
            key: key(space, from + at, scattered),
            value,
          }));
          const begun = performance.now();
          const written = write(batch);
          stalledMs = Math.max(stalledMs, performance.now() - begun);
          await written;
        }
      },
    );
    console.log(`  longest call ${stalledMs.toFixed(1)} ms`);
  }
}
const read = Math.min(entries, 4096 * 200);
let bytes = 0;
await measure('get', read, () => {
  for (let of = 0; of < read; of++) {
    bytes += store.get(key(space, (of * 7919) % read, true))?.length ?? 0;
  }
});
await measure('an entry of a walk', read, () => {
  let left = read;
  for (const pair of store.range({ from: Uint8Array.of(space) })) {
    bytes += pair.value.length;
    if (--left === 0) break;
  }
});
await measure('a walk over 10', 10_000, () => {
  for (let of = 0; of < 10_000; of++) {
    let left = 10;
    for (const pair of store.range({ from: key(space, of, true) })) {
      bytes += pair.value.length;
      if (--left === 0) break;
    }
  }
});
const { fileBytes, usedBytes } = store.size();
console.log(`${fileBytes >> 20} MiB, ${usedBytes >> 20} MiB used; ${bytes >> 20} MiB read`);
await new Promise<void>((resolve) => store.close(() => resolve()));
fs.rmSync(directory, { recursive: true });
