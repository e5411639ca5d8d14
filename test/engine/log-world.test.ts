/**
 * The log and its driver on simulated disks: crashes at any call, with and without the loss of
 * power, under the rules of both platforms, while the disk fails as disks do.
 */
import { describe, expect, it } from 'vitest';
import { QuorateError } from '../../src/base/errors.ts';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import { DiskRequests } from '../../src/engine/log/disk-requests.ts';
import type { MemberLog } from '../../src/engine/log/member-log.ts';
import { foundLog, type OpenedLog, openLog } from '../../src/engine/log/opening.ts';
import { DiskDriver } from '../../src/member/disk-driver.ts';
import type { Disk } from '../../src/ports/disk.ts';
import { type DiskFaults, healthyDisk } from '../../src/sim/disk-faults.ts';
import type { SimNode } from '../../src/sim/sim-node.ts';
import { World } from '../../src/sim/world.ts';
import { entry, identity, sameEntries } from './log-harness.ts';

const options = { segmentBytes: 32 * 1024, reserveBytes: 8192, groupsMax: 40, cacheBytesMax: 3000 };

/** What an operation that fails now and then fails with: the next attempt may succeed. */
const transient = ['disk-failed', 'disk-sync-failed', 'short-write'];

/** One process's log. */
class Process {
  readonly disk = new DiskRequests();
  readonly #driver: DiskDriver;
  result: OpenedLog | QuorateError | undefined;
  onProgress: () => void = () => {};

  constructor(port: Disk) {
    this.#driver = new DiskDriver(port);
    openLog(this.disk, options, (opened) => {
      if (opened === 'new') foundLog(this.disk, identity, options, (made) => this.#opened(made));
      else this.#opened(opened);
    });
    this.pump();
  }

  get log(): MemberLog {
    if (this.result === undefined || this.result instanceof QuorateError)
      throw new Error('not open');
    return this.result.log;
  }

  #opened(result: OpenedLog | QuorateError): void {
    this.result = result;
  }

  pump(): void {
    for (const operation of this.disk.take()) {
      this.#driver.run(operation, (answer) => {
        this.disk.complete(operation.id, answer);
        this.pump();
        this.onProgress();
      });
    }
  }
}

/** What was acknowledged: it must come back. */
interface Promised {
  index: number;
  term: number;
  vote: number;
}

/** A node that writes to its log, and is crashed again and again. */
class Story {
  readonly world: World;
  readonly node: SimNode;
  readonly random: SeededRandom;
  promised: Promised = { index: 0, term: 0, vote: 0 };
  /** What was promised before that: all that must be vouched for at any moment. */
  vouched: Promised = { index: 0, term: 0, vote: 0 };
  readonly #must: 'promised' | 'vouched';
  process: Process | undefined;
  refused: QuorateError | undefined;

  constructor(
    seed: number,
    faults: Partial<DiskFaults>,
    must: 'promised' | 'vouched' = 'promised',
  ) {
    this.#must = must;
    this.world = new World({ seed });
    this.random = new SeededRandom(seed);
    const profile = seed % 3 === 0 ? 'windows' : 'posix';
    this.node = this.world.node('a', { profile, faults: { ...healthyDisk, ...faults } });
  }

  /** Lives until a crash; false when the log was refused. */
  live(): boolean {
    const random = this.random;
    this.node.process!.crashAtCall(1 + random.below(150), () => this.#crash());
    const process = new Process(this.node.ports.disk);
    this.process = process;
    const gone = (): boolean => this.process !== process || !this.node.running;
    this.#until(() => gone() || process.result !== undefined);
    if (!gone() && process.result instanceof QuorateError) {
      if (!transient.includes(process.result.code)) this.refused = process.result;
      if (this.refused !== undefined) return false;
      // An error of the disk on opening: tried again.
      this.#crash();
    }
    if (!gone()) this.#check(process);
    if (!gone()) this.#write(process, gone);
    if (!this.node.running) this.node.restart();
    return this.refused === undefined;
  }

  #crash(): void {
    this.node.crash({ power: this.random.below(3) === 0 ? 'kept' : 'lost' });
  }

  #until(condition: () => boolean): void {
    this.world.runUntil(condition, { limitMs: 3_600_000 });
  }

  #check({ log }: Process): void {
    const { index, term, vote } = this[this.#must];
    const group = log.group(1);
    expect(group?.lastIndex() ?? 0).toBeGreaterThanOrEqual(index);
    const state = group?.hardState ?? { term: 0, vote: 0 };
    expect(state.term).toBeGreaterThanOrEqual(term);
    if (state.term === term && term > 0) expect(state.vote).toBe(vote);
  }

  /** Writes until the crash comes, or an error; compacts, reads back and checks on the way. */
  #write(process: Process, gone: () => boolean): void {
    const { log } = process;
    const group = log.openGroup(1);
    const random = this.random;
    let { term, vote } = group.hardState;
    const waiting: (Promised & { ticket: number })[] = [];
    const ended = (): boolean => gone() || log.fault !== undefined;
    process.onProgress = () => {
      let promised: Promised | undefined;
      while (waiting.length > 0 && waiting[0]!.ticket <= log.durableTicket) {
        const { index, term: t, vote: v } = waiting.shift()!;
        promised = { index, term: t, vote: v };
      }
      if (promised === undefined) return;
      this.vouched = this.promised;
      this.promised = promised;
    };
    for (let turns = 0; turns < 200 && !ended(); turns++) {
      if (random.below(8) === 0) [term, vote] = [term + 1, 1 + random.below(3)];
      term = Math.max(1, term);
      const index = group.lastIndex() + 1;
      const entries = Array.from({ length: random.below(4) }, (_, i) => at(index + i));
      const hardState = { term, vote, commit: 0 };
      const ticket = log.append({ group: 1, entries, hardState });
      waiting.push({ ticket, index: group.lastIndex(), term, vote });
      log.flush();
      process.pump();
      if (random.below(4) > 0) this.#until(() => ended() || log.durableTicket >= ticket);
      if (random.below(6) === 0) log.tick();
      if (random.below(10) === 0) this.#compact(process);
      if (!ended() && random.below(10) === 0) this.#readBack(process, ended);
    }
    if (log.fault !== undefined && log.fault.code === 'log-damaged') this.refused = log.fault;
    if (!gone()) this.#crash();
  }

  #compact({ log }: Process): void {
    const group = log.group(1)!;
    const index = Math.min(this.promised.index, group.lastIndex() - 10);
    if (index > group.base.index) group.compactTo(index);
  }

  #readBack(process: Process, ended: () => boolean): void {
    const group = process.log.group(1)!;
    const durable = Math.min(this.promised.index, group.lastIndex());
    const from = group.firstIndex();
    if (durable < from) return;
    let found = group.entries(from, durable + 1, 10_000);
    process.pump();
    this.#until(() => {
      if (ended()) return true;
      found ??= group.entries(from, durable + 1, 10_000);
      process.pump();
      return found !== undefined;
    });
    if (found === undefined) return;
    const wanted = found.map((_, i) => at(from + i));
    expect(sameEntries(found.map(ageless), wanted.map(ageless))).toBe(true);
  }
}

/** An entry whose content does not depend on its term, which the recovered ones tell. */
function at(index: number): ReturnType<typeof entry> {
  return entry(1, index, 1, 20 + (index % 5) * 100);
}

function ageless<T extends { term: number }>(one: T): T {
  return { ...one, term: 1 };
}

const runs = Number(process.env.RUNS ?? 40);

describe('a log on a simulated disk', () => {
  it('keeps its word through crashes at any call, on either platform', () => {
    let promised = 0;
    for (let seed = 1; seed <= runs; seed++) {
      const story = new Story(seed, {});
      for (let lives = 0; lives < 8; lives++) {
        expect(story.live(), `seed ${seed}: ${story.refused}`).toBe(true);
      }
      promised += story.promised.index;
    }
    expect(promised).toBeGreaterThan(runs * 20);
  });

  it('keeps its word while operations fail', () => {
    for (let seed = 1; seed <= runs; seed++) {
      const chance = 0.005;
      const story = new Story(seed, {
        readErrorChance: chance,
        writeErrorChance: chance,
        syncErrorChance: chance,
        shortWriteChance: chance,
      });
      for (let lives = 0; lives < 8; lives++) {
        expect(story.live(), `seed ${seed}: ${story.refused}`).toBe(true);
      }
    }
  });

  it('keeps its word or is refused by name while bits rot and writes go astray', () => {
    let refusals = 0;
    for (let seed = 1; seed <= runs; seed++) {
      const story = new Story(seed, { rotChance: 0.003, misdirectedWriteChance: 0.002 }, 'vouched');
      for (let lives = 0; lives < 8 && story.live(); lives++);
      if (story.refused === undefined) continue;
      refusals++;
      expect(['log-damaged', 'vote-damaged', 'identity-damaged', 'wrong-directory']).toContain(
        story.refused.code,
      );
    }
    expect(refusals).toBeGreaterThan(0);
  });
});
