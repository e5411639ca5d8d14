/**
 * The key-value service on whole members in the simulated world: clients in each process put, delete,
 * read, compare and swap, hold leases, compact and watch, while faults come and go; see `truth.ts`
 * for how their answers are judged.
 *
 * Length: the world with its clients and what they do, which are read together.
 */
import { QuorateError } from '../../src/base/errors.ts';
import type { SeededRandom } from '../../src/base/seeded-random.ts';
import type { Kv } from '../../src/kv/api.ts';
import { openKv, openKvMachine } from '../../src/kv/open-kv.ts';
import type { Member } from '../../src/member/member.ts';
import { openMemberOn } from '../../src/member/open-member.ts';
import type { Tuning } from '../../src/member/startup-options.ts';
import type { TxnRequest } from '../../src/mvcc/request.ts';
import type { Ports } from '../../src/ports/ports.ts';
import type { SimNode } from '../../src/sim/sim-node.ts';
import { World } from '../../src/sim/world.ts';
import { bytes, del, put, range, txn } from './kv-cluster.ts';
import { Truth } from './truth.ts';
import { WatchChecker } from './watch-checker.ts';

const port = 7000;
const tuning: Tuning = {
  engine: { snapshotAfterBytes: 16_384, keptEntries: 20 },
  log: { segmentBytes: 65_536, batchBytesMax: 16_384, reserveBytes: 65_536 },
};
const all = range('k', { end: bytes('l') });
const keys = ['k0', 'k1', 'k2', 'k3'];
/** Clocks run at most twice as fast as they should. */
const clockRateMax = 2;

interface Life {
  readonly number: number;
  member: Member | undefined;
  kv: Kv | undefined;
  ended: boolean;
}

interface HeldLease {
  readonly ttlSeconds: number;
  /** When it was granted, or last kept alive, at the latest: of requests that succeeded, their call. */
  aliveMs: number;
}

export class KvWorld {
  readonly world: World;
  readonly names: readonly string[] = ['a', 'b', 'c'];
  readonly truth = new Truth();
  readonly counts = {
    done: 0,
    refused: 0,
    unknown: 0,
    events: 0,
    bookmarks: 0,
    expired: 0,
    swaps: 0,
  };
  readonly #lives = new Map<string, Life>();
  readonly #leases = new Map<bigint, HeldLease>();
  readonly #random: SeededRandom;
  #underWay = 0;
  #nextValue = 1;
  #active = true;
  #compactedMost = 0;
  #watches: { readonly checker: WatchChecker; readonly life: Life; readonly name: string }[] = [];
  /** Where closed watches had come to, for others to go on from. */
  #resumable: number[] = [];

  constructor(seed: number) {
    this.world = new World({ seed, trap: true });
    this.#random = this.world.randomFor('clients');
    for (const name of this.names) {
      const node = this.world.node(name, { capacityBytes: 2 ** 24 });
      node.run((ports) => void this.#live(name, ports));
    }
  }

  node(name: string): SimNode {
    return this.world.node(name);
  }

  crash(name: string, power: 'lost' | 'kept' = 'lost'): void {
    this.node(name).crash({ power });
  }

  restart(name: string): void {
    const node = this.node(name);
    if (node.running) {
      if (this.#lives.get(name)?.ended !== true) return;
      node.crash({ power: 'kept' });
    }
    node.restart();
  }

  async pass(durationMs: number): Promise<void> {
    let over = false;
    this.world.after(durationMs, 'time is up', () => {
      over = true;
    });
    await this.#until(() => over, durationMs + 1);
  }

  /** After all is well again: all that is pending ends, all members agree, all watches are told. */
  async finish(): Promise<void> {
    this.#active = false;
    await this.#until(() => this.names.every((name) => this.#running(name) !== undefined), 60_000);
    await this.#until(() => this.#quiet(), 60_000);
    await this.#until(() => this.#together(), 60_000);
    for (const { checker } of this.#alive()) checker.resume();
    await this.#until(
      () => this.#alive().every(({ checker }) => checker.over || checker.complete),
      30_000,
    );
    for (const name of this.names) {
      const kv = this.#running(name)!;
      void kv
        .range(all, { serializable: true })
        .then((answer) => this.truth.checkAll(answer, name));
    }
    await this.pass(100);
    for (const { checker } of this.#watches) this.#count(checker);
  }

  #together(): boolean {
    const hashes = this.names.map((name) => this.#running(name)?.header().revision);
    return hashes.every((revision) => revision === this.truth.latest);
  }

  #quiet(): boolean {
    return this.#underWay === 0;
  }

  #alive() {
    return this.#watches.filter(
      ({ life, name }) => this.#lives.get(name) === life && !life.ended && this.node(name).running,
    );
  }

  #running(name: string): Kv | undefined {
    const life = this.#lives.get(name);
    const node = this.node(name);
    const there = life?.kv !== undefined && !life.ended && node.running;
    return there && node.starts === life.number ? life.kv : undefined;
  }

  async #until(condition: () => boolean, limitMs: number): Promise<void> {
    const { wrong } = this.truth;
    try {
      await this.world.settleUntil(() => wrong.length > 0 || condition(), { limitMs });
    } catch (error) {
      throw new Error(`not within ${limitMs} ms: ${condition}, ${JSON.stringify(this.counts)}`, {
        cause: error,
      });
    }
    if (wrong.length > 0) throw new Error(wrong.slice(0, 5).join('\n'));
  }

  async #live(name: string, ports: Ports): Promise<void> {
    const life: Life = {
      number: this.node(name).starts,
      member: undefined,
      kv: undefined,
      ended: false,
    };
    this.#lives.set(name, life);
    try {
      const peers = this.names.map((each) => ({ name: each, address: `${each}:${port}` }));
      const options = { name, dataDir: '', peers, clusterToken: 'world' };
      const member = await openMemberOn(ports, options, tuning);
      life.member = member;
      void member.closed.then(() => {
        life.ended = true;
      });
      const base = { member, ports, logger: ports.logger, electionTimeoutMs: 1000 };
      const machine = await openKvMachine(base);
      machine.onApplied(({ command, index, revision, events }) => {
        this.truth.applied(name, index, { revision, events, hash: machine.model.hash });
        if (command.type === 'lease-revoke') this.#leaseEnded(command.id);
      });
      life.kv = await openKv({ ...base, machine, timeoutMs: 300_000 });
    } catch (error) {
      life.ended = true;
      if (!(error instanceof QuorateError)) this.truth.wrong.push(`${name}: ${String(error)}`);
      return;
    }
    for (let i = 0; i < 3; i++) void this.#client(name, ports, life);
  }

  async #client(name: string, ports: Ports, life: Life): Promise<void> {
    while (!life.ended) {
      await new Promise<void>((resolve) =>
        ports.clock.after(150 * this.#random.fraction(), resolve),
      );
      if (!this.#active || life.ended) continue;
      const kv = life.kv!;
      const acts = [
        () => this.#put(kv),
        () => this.#put(kv),
        () => this.#delete(kv),
        () => this.#read(kv, false),
        () => this.#read(kv, true),
        () => this.#swap(kv),
        () => this.#lease(kv),
        () => this.#keepAlive(kv),
        () => this.#compact(kv),
        async () => this.#watch(kv, life, name),
        async () => this.#poke(life),
      ];
      const act = acts[this.#random.below(acts.length)]!;
      // What the process leaves under way when it dies is nobody's any more.
      this.#underWay++;
      let mine = true;
      const settle = (): void => {
        if (mine) this.#underWay--;
        mine = false;
      };
      void this.#whenGone(name, life, settle);
      try {
        await act();
      } catch (error) {
        this.truth.wrong.push(`${name} failed without a name: ${String(error)}`);
      }
      settle();
    }
  }

  /** A crashed process never answers: its operations are over when it is seen to be gone. */
  async #whenGone(name: string, life: Life, then: () => void): Promise<void> {
    const look = (): void => {
      const gone = life.ended || this.#lives.get(name) !== life || !this.node(name).running;
      if (gone) then();
      else this.world.after(500, 'look whether a process is gone', look);
    };
    look();
  }

  #pick(): string {
    return keys[this.#random.below(keys.length)]!;
  }

  /** A write with unique values: where it stands in the truth is where it said. */
  async #write(
    values: readonly string[],
    act: () => Promise<{ readonly revision: number; readonly wrote: boolean }>,
  ): Promise<void> {
    const { shown } = this.truth;
    try {
      const { revision, wrote } = await act();
      this.counts.done++;
      if (revision < shown || (wrote && revision === shown)) {
        this.truth.wrong.push(`a write at ${revision} began after ${shown} was shown`);
      }
      for (const value of wrote ? values : []) {
        if (this.truth.writtenAt(value) !== revision)
          this.truth.wrong.push(`${value} is not at ${revision}`);
      }
      this.truth.shown = Math.max(this.truth.shown, revision);
    } catch (error) {
      this.#failed(error, values);
    }
  }

  #failed(error: unknown, values: readonly string[]): void {
    if (!(error instanceof QuorateError)) throw error;
    if (error.maybeApplied) this.counts.unknown++;
    else {
      this.counts.refused++;
      for (const value of values) {
        if (this.truth.writtenAt(value) !== undefined)
          this.truth.wrong.push(`${value} was refused (${error.code}), and written`);
      }
    }
  }

  async #put(kv: Kv): Promise<void> {
    const value = `v${this.#nextValue++}`;
    const leases = [...this.#leases.keys()];
    const lease =
      this.#random.below(4) === 0 ? leases[this.#random.below(leases.length)] : undefined;
    await this.#write([value], async () => {
      const { revision } = await kv.put(put(this.#pick(), value, { lease: lease ?? 0n }));
      return { revision, wrote: true };
    });
  }

  async #delete(kv: Kv): Promise<void> {
    await this.#write([], async () => {
      const { revision, deleted } = await kv.deleteRange(del(this.#pick()));
      return { revision, wrote: deleted > 0 };
    });
  }

  /** Reads a key, and changes it with another if it is still the same. */
  async #swap(kv: Kv): Promise<void> {
    const key = this.#pick();
    const { kvs } = await kv.range(range(key), { serializable: true });
    const operand = { target: 'mod', modRevision: kvs[0]?.modRevision ?? 0 } as const;
    const compare = {
      key: bytes(key),
      rangeEnd: new Uint8Array(),
      result: 'equal',
      operand,
    } as const;
    const [first, second] = [`v${this.#nextValue++}`, `v${this.#nextValue++}`];
    const other = keys.find((each) => each !== key)!;
    const request: TxnRequest = txn(
      [compare],
      [put(key, first), txn([], [put(other, second)])],
      [range(key)],
    );
    await this.#write([first, second], async () => {
      const answer = await kv.txn(request);
      const before = answer.succeeded ? answer.revision - 1 : answer.revision;
      const held = (this.truth.state(key, before)?.modRevision ?? 0) === operand.modRevision;
      if (held !== answer.succeeded)
        this.truth.wrong.push(`a comparison at ${answer.revision} was wrong`);
      this.counts.swaps++;
      return { revision: answer.revision, wrote: answer.succeeded };
    });
  }

  async #read(kv: Kv, serializable: boolean): Promise<void> {
    const { shown } = this.truth;
    try {
      const answer = await kv.range(all, { serializable });
      this.counts.done++;
      if (!serializable && answer.revision < shown) {
        this.truth.wrong.push(`a read at ${answer.revision} began after ${shown} was shown`);
      }
      this.truth.checkAll(answer, serializable ? 'a serializable read' : 'a read');
      if (!serializable) this.truth.shown = Math.max(this.truth.shown, answer.revision);
    } catch (error) {
      this.#failed(error, []);
    }
  }

  async #lease(kv: Kv): Promise<void> {
    const aliveMs = this.world.nowMs;
    try {
      const { id, ttlSeconds } = await kv.leaseGrant({
        id: 0n,
        ttlSeconds: 2 + this.#random.below(3),
      });
      this.#leases.set(id, { ttlSeconds, aliveMs });
    } catch (error) {
      this.#failed(error, []);
    }
  }

  async #keepAlive(kv: Kv): Promise<void> {
    const [id] = [...this.#leases.keys()].slice(-2);
    if (id === undefined) return;
    const calledMs = this.world.nowMs;
    try {
      const { ttlSeconds } = await kv.leaseKeepAlive(id);
      const lease = this.#leases.get(id);
      if (ttlSeconds > 0 && lease !== undefined) lease.aliveMs = Math.max(lease.aliveMs, calledMs);
    } catch (error) {
      this.#failed(error, []);
    }
  }

  async #compact(kv: Kv): Promise<void> {
    if (this.#random.below(6) !== 0) return;
    const revision = kv.header().revision - this.#random.below(20);
    this.#compactedMost = Math.max(this.#compactedMost, revision);
    try {
      await kv.compact({ type: 'compact', revision, physical: false });
    } catch (error) {
      this.#failed(error, []);
    }
  }

  /** Nobody revokes leases here: whatever ends one, its time must be up. */
  #leaseEnded(id: bigint): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    this.#leases.delete(id);
    this.counts.expired++;
    const earliestMs = lease.aliveMs + (lease.ttlSeconds * 1000) / clockRateMax;
    if (this.world.nowMs < earliestMs) {
      this.truth.wrong.push(`lease ${id} ended ${earliestMs - this.world.nowMs} ms too early`);
    }
  }

  #watch(kv: Kv, life: Life, name: string): void {
    const { revision } = kv.header();
    const past = Math.max(1, revision - this.#random.below(30));
    const single = this.#random.below(2) === 0;
    const starts = [0, past, revision + this.#random.below(10), this.#resumable.pop() ?? 0];
    const request = {
      key: bytes(single ? this.#pick() : 'k'),
      rangeEnd: single ? new Uint8Array() : bytes('l'),
      startRevision: starts[this.#random.below(starts.length)]!,
      progressNotify: this.#random.below(2) === 0,
      noPut: this.#random.below(6) === 0,
      noDelete: this.#random.below(6) === 0,
      prevKv: this.#random.below(2) === 0,
      watchId: 0n,
      fragment: false,
    };
    const pauses = (): boolean => this.#active && this.#random.below(10) === 0;
    const checker = new WatchChecker(kv, this.truth, { name, request, pauses });
    checker.compacted = (modRevision) => modRevision < this.#compactedMost;
    this.#watches.push({ checker, life, name });
  }

  /** Something happens to a watch of this process. */
  #poke(life: Life): void {
    const mine = this.#watches.filter((each) => each.life === life && !each.checker.over);
    const chosen = mine[this.#random.below(Math.max(mine.length, 1))];
    if (chosen === undefined) return;
    const { checker } = chosen;
    const what = this.#random.below(4);
    if (what === 0) {
      this.#resumable.push(checker.next);
      this.#count(checker);
      this.#watches = this.#watches.filter((each) => each !== chosen);
      checker.close();
    } else if (what === 1) checker.progress();
    else checker.resume();
  }

  #count({ events, bookmarks }: WatchChecker): void {
    this.counts.events += events;
    this.counts.bookmarks += bookmarks;
  }
}
