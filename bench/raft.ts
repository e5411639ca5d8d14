/**
 * The core alone: three instances in one thread, in memory, no I/O, messages handed over as they
 * are. What is measured is Raft's own bookkeeping.
 *
 * `npm run bench -- raft [--seconds N]`
 */
import {
  emptyConfiguration,
  MemoryStorage,
  type Message,
  type Proposal,
  Raft,
  SeededRandom,
} from '../src/raft.ts';

const ids = [1, 2, 3];
const LEADER = 1;
const PAYLOAD_BYTES = 256;
/** Entries that the log keeps behind the applied ones, as a member would. */
const KEPT = 4096;

interface Member {
  readonly id: number;
  readonly storage: MemoryStorage;
  readonly raft: Raft;
}

class Trio {
  readonly #members: readonly Member[] = ids.map((id) => {
    const storage = new MemoryStorage();
    storage.setConfiguration({ ...emptyConfiguration, voters: ids });
    const raft = new Raft({ id, storage, random: new SeededRandom(id) });
    return { id, storage, raft };
  });
  #mail: Message[] = [];
  #compactAt = 2 * KEPT;
  applied = 0;

  constructor() {
    this.#members[LEADER - 1]!.raft.step({ type: 'campaign' });
    this.settle();
  }

  propose(batch: readonly Proposal[]): void {
    this.#members[LEADER - 1]!.raft.step({ type: 'propose', entries: batch });
  }

  /** Works until nobody has anything to do. */
  settle(): void {
    for (;;) {
      for (const member of this.#members) {
        while (member.raft.hasReady()) this.#work(member);
      }
      if (this.#mail.length === 0) return;
      const mail = this.#mail;
      this.#mail = [];
      for (const message of mail) this.#members[message.to - 1]!.raft.step(message);
    }
  }

  #work({ id, storage, raft }: Member): void {
    const { hardState, entries, committed, messages } = raft.ready();
    if (hardState !== undefined) storage.setHardState(hardState);
    if (entries.length > 0) storage.append(entries);
    for (const message of messages) this.#mail.push(message);
    raft.advance();
    if (id === LEADER) this.applied += committed.length;
    this.#compact(raft.status().applied);
  }

  /** All members forget at once, so that none needs a snapshot. */
  #compact(applied: number): void {
    if (applied < this.#compactAt) return;
    this.#compactAt = applied + KEPT;
    for (const { storage } of this.#members) {
      const keepFrom = Math.min(applied - KEPT, storage.lastIndex());
      if (keepFrom > storage.firstIndex()) storage.compact(keepFrom);
    }
  }
}

interface Result {
  readonly name: string;
  readonly perSecond: number;
  readonly cpuUsPer: number;
  readonly heapGrowthMib: number;
}

/** Proposes batches of `size` for `seconds`, each committed and applied before the next. */
function measure(name: string, size: number, seconds: number): Result {
  const trio = new Trio();
  const data = new Uint8Array(PAYLOAD_BYTES).fill(7);
  const batch = Array.from({ length: size }, () => ({ type: 'normal' as const, data }));
  run(trio, batch, 0.5);
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const appliedBefore = trio.applied;
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  run(trio, batch, seconds);
  const elapsedMs = performance.now() - startMs;
  const cpu = process.cpuUsage(cpuBefore);
  const done = trio.applied - appliedBefore;
  globalThis.gc?.();
  return {
    name,
    perSecond: (done / elapsedMs) * 1000,
    cpuUsPer: (cpu.user + cpu.system) / done,
    heapGrowthMib: (process.memoryUsage().heapUsed - heapBefore) / 2 ** 20,
  };
}

function run(trio: Trio, batch: readonly Proposal[], seconds: number): void {
  const endMs = performance.now() + seconds * 1000;
  while (performance.now() < endMs) {
    for (let i = 0; i < 64; i++) {
      trio.propose(batch);
      trio.settle();
    }
  }
}

const secondsAt = process.argv.indexOf('--seconds');
const seconds = secondsAt === -1 ? 3 : Number(process.argv[secondsAt + 1]);

console.log(`three instances, one thread, ${PAYLOAD_BYTES}-byte proposals, ${seconds} s each`);
console.log('batch       proposals/s   CPU-µs each   heap growth   aim');
const rows: [string, number, string][] = [
  ['1', 1, '< 15 µs'],
  ['16', 16, ''],
  ['64', 64, '1,000,000/s'],
  ['256', 256, ''],
];
for (const [name, size, aim] of rows) {
  const { perSecond, cpuUsPer, heapGrowthMib } = measure(name, size, seconds);
  const rate = Math.round(perSecond).toLocaleString('en');
  console.log(
    `${name.padEnd(8)}${rate.padStart(15)}${cpuUsPer.toFixed(2).padStart(14)}` +
      `${`${heapGrowthMib.toFixed(1)} MiB`.padStart(14)}   ${aim}`,
  );
}
