/**
 * The key-value model alone, on a real store: commands a second as the engine applies them, with the
 * write-behind going on; reads of one key and of ranges; and how long it takes until a model of many
 * keys is ready again.
 *
 * `npm run bench -- mvcc [--keys N] [--directory PATH]`
 */
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { decodeCommand, encodeCommand } from '../src/mvcc/command.ts';
import { putRequest, rangeRequest } from '../src/mvcc/make-request.ts';
import { Model } from '../src/mvcc/model.ts';

import { NodeStores } from '../src/platform/node-stores.ts';
import type { Store } from '../src/ports/store.ts';
import { LayeredStore } from '../src/store/layered-store.ts';

function setting(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? otherwise : (process.argv[at + 1] ?? otherwise);
}

const keyCount = Number(setting('keys', '1000000'));
const directory = fs.mkdtempSync(join(setting('directory', os.tmpdir()), 'quorate-bench-'));
const stores = new NodeStores(directory);
const value = new Uint8Array(256).fill(0x76);
/** As many commands as an engine applies in one turn under load. */
const turn = 256;

/** Keys of 8 bytes; `scattered` in an order that is far from theirs. */
const key = (of: number, scattered: boolean): Uint8Array => {
  const bytes = new Uint8Array(8);
  const number = scattered ? (of * 2_654_435_761) % 2 ** 32 : of;
  new DataView(bytes.buffer).setUint32(4, number);
  return bytes;
};

const put = (of: Uint8Array) => putRequest(of, value);

class Bench {
  store!: LayeredStore;
  model!: Model;
  #index = 0;
  #flushing: Promise<void> | undefined;
  /** What the turns of the last {@link Bench.apply} took of the main thread's processor time. */
  worstTurnMs = 0;
  /** The longest that the event loop stood still meanwhile, other programs' time included. */
  stalledMs = 0;

  async open(): Promise<void> {
    const store = await new Promise<Store>((resolve, reject) => {
      stores.open('kv', (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
    });
    this.store = new LayeredStore(store);
    this.model = new Model(this.store);
  }

  async close(): Promise<void> {
    await this.#flushing;
    await this.flush();
    await new Promise<void>((resolve) => this.store.close(() => resolve()));
  }

  flush(): Promise<void> {
    this.model.save();
    const mark = { position: { index: this.#index, term: 1 }, state: new Uint8Array(0) };
    return new Promise((resolve, reject) => {
      this.store.flush(mark, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  /** Applies a command for each number, in turns, and writes behind as an engine would. */
  async apply(count: number, command: (of: number) => Uint8Array): Promise<void> {
    this.worstTurnMs = 0;
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    for (let from = 0; from < count; from += turn) {
      const begunMs = threadMs();
      for (let of = from; of < Math.min(count, from + turn); of++) {
        this.#index++;
        this.model.apply(decodeCommand(command(of)).command);
      }
      const pressure = this.store.pressure();
      if (pressure !== 'little' && this.#flushing === undefined) {
        this.#flushing = this.flush().finally(() => {
          this.#flushing = undefined;
        });
      }
      this.worstTurnMs = Math.max(this.worstTurnMs, threadMs() - begunMs);
      if (pressure === 'full') await this.#flushing;
      else await new Promise((resolve) => setImmediate(resolve));
    }
    await this.#flushing;
    delay.disable();
    this.stalledMs = delay.max / 1e6;
  }

  report(): void {
    const [turn, stall] = [this.worstTurnMs.toFixed(1), this.stalledMs.toFixed(1)];
    console.log(`  longest turn ${turn} ms CPU; event loop stalled ${stall} ms at most`);
  }
}

/**
 * Milliseconds for which the main thread has had a processor: on a busy machine the clock tells of
 * other programs. Where the system does not say, the clock has to do.
 */
function threadMs(): number {
  try {
    const text = fs.readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1');
    return Number(text.split(' ')[0]) / 1e6;
  } catch {
    return performance.now();
  }
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
  console.log(
    `${what.padEnd(44)} ${rate.padStart(10)}/s  ${each.padStart(8)} µs CPU  ${ms.toFixed(0)} ms`,
  );
}

const bench = new Bench();
await bench.open();
const half = keyCount / 2;
for (const [what, first, scattered] of [
  ['put, new keys in order', 0, false],
  ['put, new keys scattered', half, true],
] as const) {
  await measure(what, half, () =>
    bench.apply(half, (of) => encodeCommand(put(key(first + of, scattered)))),
  );
  bench.report();
}
const updates = Math.min(200_000, keyCount);
await measure('put, existing keys scattered', updates, () =>
  bench.apply(updates, (of) => encodeCommand(put(key(half + ((of * 7919) % half), true)))),
);
bench.report();
await bench.flush();
const { fileBytes, usedBytes } = bench.model.size();
console.log(
  `${bench.model.keyCount} keys: ${(fileBytes / 2 ** 20).toFixed(0)} MiB, ${(usedBytes / 2 ** 20).toFixed(0)} MiB used`,
);

const reads = 100_000;
await measure('range of one key', reads, () => {
  for (let of = 0; of < reads; of++) {
    if (bench.model.range(rangeRequest(key(half + ((of * 7919) % half), true))).count !== 1)
      throw new Error();
  }
});
const end = Uint8Array.of(0);
for (const [what, limit, fields] of [
  ['range of 10 keys', 10, {}],
  ['range of 1,000 keys', 1000, {}],
  ['range of 1,000 keys, keys only', 1000, { keysOnly: true }],
  ['range of 1,000 keys 1,000 revisions ago', 1000, { revision: bench.model.revision - 1000 }],
] as const) {
  const times = limit === 10 ? 5_000 : 200;
  await measure(what, times, () => {
    for (let of = 0; of < times; of++) {
      const from = key((of * 7919) % (half - 1000), false);
      bench.model.range(rangeRequest(from, { end, limit, ...fields }));
    }
  });
}
await measure('count of all keys', 1000, () => {
  for (let of = 0; of < 1000; of++) {
    bench.model.range(rangeRequest(key(of, false), { end, countOnly: true }));
  }
});
await measure('compaction, a record looked at', bench.model.revision, async () => {
  bench.model.apply({ type: 'compact', revision: bench.model.revision });
  while (bench.model.compactionStep(1000)) {
    if (bench.store.pressure() !== 'little') await bench.flush();
  }
  await bench.flush();
});
await bench.close();
await measure('ready after a restart', 1, () => bench.open());
await bench.close();
console.log(`memory ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`);
fs.rmSync(directory, { recursive: true });
