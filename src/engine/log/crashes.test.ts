/**
 * Random lives of a log, ended by power losses and kills at any operation: what comes back is what
 * was there after some write, not before the last one that was reported durable.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DiskModel, type Draw } from '../../../test/engine/disk-model.ts';
import {
  allEntries,
  entriesOf,
  type Opened,
  opened,
  sameEntries,
  small,
} from '../../../test/engine/log-harness.ts';
import { SeededRandom } from '../../base/seeded-random.ts';
import type { Entry, HardState } from '../../raft/entry.ts';
import type { GroupId, Ticket } from './log-write.ts';

interface GroupState {
  readonly base: number;
  readonly entries: readonly Entry[];
  readonly hardState: HardState;
}

type State = ReadonlyMap<GroupId, GroupState>;

const fresh: GroupState = { base: 0, entries: [], hardState: { term: 0, vote: 0, commit: 0 } };

/** Does random things to a log and remembers how it stood after each write. */
class Life {
  readonly model = new DiskModel();
  readonly draw: Draw;
  readonly options;
  opened: Opened;
  /** How all groups stood after each write, and in the midst of it, where a batch may end. */
  #states: { readonly ticket: Ticket; readonly state: State }[] = [{ ticket: 0, state: new Map() }];
  readonly bases = new Map<GroupId, number>();

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    this.draw = (bound) => random.uint32() % bound;
    const cacheBytesMax = [0, 2000, 2 ** 20][this.draw(3)]!;
    this.options = { ...small, cacheBytesMax, spareSegmentsMax: this.draw(3) };
    this.opened = opened(this.model, this.options, this.draw);
  }

  get latest(): State {
    return this.#states[this.#states.length - 1]!.state;
  }

  step(): void {
    const { log, disk } = this.opened;
    const id = this.draw(4);
    log.openGroup(id);
    const kind = this.draw(12);
    if (kind < 6) this.#append(id);
    else if (kind < 7) this.#vote(id);
    else if (kind < 8) this.#install(id);
    else if (kind < 9) this.#compact(id);
    else if (kind < 10) log.tick();
    if (this.draw(2) === 0) log.flush();
    const operations = this.draw(4);
    let count = 0;
    this.model.settle(disk, { draw: this.draw, stop: () => count++ >= operations });
  }

  #append(id: GroupId): void {
    const state = this.latest.get(id) ?? fresh;
    const last = state.base + state.entries.length;
    const durable = this.#durable().get(id) ?? fresh;
    // Like Raft, never below what was committed: here, a part of what is durable everywhere.
    const floor = Math.max(state.base, this.bases.get(id) ?? 0, durable.base);
    const back = this.draw(4) === 0 ? this.draw(Math.max(1, last - floor)) : 0;
    const first = last + 1 - back;
    const before = state.entries[first - state.base - 2]?.term ?? 0;
    const term = Math.max(state.hardState.term, before, 1) + (back > 0 ? 1 : 0);
    const bytes = [3, 50, 700][this.draw(3)]!;
    const added = entriesOf(id, first, first + this.draw(6), term, bytes);
    const entries = [...state.entries.slice(0, first - state.base - 1), ...added];
    const hardState = {
      term,
      vote: term === state.hardState.term ? state.hardState.vote : 0,
      commit: 0,
    };
    this.#write(id, { ...state, entries, hardState }, added, undefined);
  }

  #vote(id: GroupId): void {
    const state = this.latest.get(id) ?? fresh;
    const hardState = { term: state.hardState.term + 1, vote: 1 + this.draw(3), commit: 0 };
    this.#write(id, { ...state, hardState }, [], undefined);
  }

  #install(id: GroupId): void {
    const state = this.latest.get(id) ?? fresh;
    const term = Math.max(1, state.hardState.term);
    const index = state.base + state.entries.length + 1 + this.draw(5);
    const hardState = { ...state.hardState, term };
    this.#write(id, { base: index, entries: [], hardState }, [], { term, index });
  }

  #write(
    group: GroupId,
    state: GroupState,
    entries: readonly Entry[],
    snapshot: { term: number; index: number } | undefined,
  ): void {
    const { hardState } = state;
    const ticket = this.opened.log.append({ group, entries, hardState, snapshot });
    const before = this.#states[this.#states.length - 1]!;
    if (ticket === before.ticket) return;
    for (let part = 1; part < entries.length; part++) {
      const some = state.entries.slice(0, state.entries.length - entries.length + part);
      const partly = new Map(before.state).set(group, { ...state, entries: some });
      this.#states.push({ ticket: before.ticket, state: partly });
    }
    this.#states.push({ ticket, state: new Map(before.state).set(group, state) });
  }

  #durableAt(ticket: Ticket): number {
    return this.#states.findIndex((state) => state.ticket === ticket);
  }

  #durable(): State {
    return this.#states[this.#durableAt(this.opened.log.durableTicket)]!.state;
  }

  #compact(id: GroupId): void {
    const group = this.opened.log.group(id)!;
    const durable = this.#durable().get(id) ?? fresh;
    const last = Math.min(group.lastIndex(), durable.base + durable.entries.length);
    const index = Math.min(last, group.base.index + this.draw(40));
    // Only what will not be replaced: the oracle does not cut below it either.
    if (index <= group.base.index) return;
    // What stands there may be a replacement that is not durable yet; no snapshot stands for it.
    const isDurable = durable.entries[index - durable.base - 1]?.term === group.term(index);
    expect(group.durableIndex() >= index).toBe(isDurable);
    if (!isDurable) {
      expect(() => group.compactTo(index)).toThrow('is not durable');
      return;
    }
    group.compactTo(index);
    this.bases.set(id, index);
  }

  crash(): void {
    const { disk, log } = this.opened;
    const durable = this.#durableAt(log.durableTicket);
    expect(log.fault).toBeUndefined();
    if (this.draw(3) === 0) this.model.killProcess(disk, this.draw);
    else this.model.loosePower(this.draw);
    this.opened = opened(this.model, this.options, this.draw);
    const match = this.#states.findIndex(({ state }, at) => at >= durable && this.#equals(state));
    expect(match, `after a crash with state ${durable} durable`).toBeGreaterThanOrEqual(0);
    this.#checkVotes(match);
    const now = new Map<GroupId, GroupState>();
    for (const group of this.opened.log.groups()) {
      const state = this.#states[match]!.state.get(group.id) ?? fresh;
      now.set(group.id, { ...state, hardState: group.hardState });
      this.bases.set(group.id, group.base.index);
    }
    // Recovery may have written something of its own.
    this.#states = [{ ticket: this.opened.log.durableTicket, state: now }];
  }

  #equals(state: State): boolean {
    for (let id = 0; id < 4; id++) {
      const group = this.opened.log.group(id);
      const { base, entries } = state.get(id) ?? fresh;
      const from = group?.firstIndex() ?? 1;
      if (from - 1 < base || from - 1 > Math.max(base, this.bases.get(id) ?? 0)) {
        // The log may begin before a compaction that was not written, never before a snapshot.
        if (from - 1 !== base) return false;
      }
      // What the log begins after was there: a state that ends before it, or has another entry in
      // that place, is not the one, though nothing that follows tells them apart.
      const before = from - 1 === base ? undefined : entries[from - 2 - base];
      if (from - 1 !== base && before?.term !== group?.base.term) return false;
      const found = group === undefined ? [] : allEntries(this.opened, this.model, id);
      const wanted = entries.slice(from - 1 - base);
      if (!sameEntries(found, wanted)) return false;
    }
    return true;
  }

  /** Votes are written before what rests on them: they may be newer, never older. */
  #checkVotes(match: number): void {
    for (const group of this.opened.log.groups()) {
      const { term, vote } = group.hardState;
      const known = this.#states.slice(match).some(({ state }) => {
        const { hardState } = state.get(group.id) ?? fresh;
        return hardState.term === term && hardState.vote === vote;
      });
      expect(known, `group ${group.id} has term ${term}, vote ${vote}`).toBe(true);
    }
  }
}

function live(seed: number): void {
  const life = new Life(seed);
  for (let crashes = 0; crashes < 4; crashes++) {
    for (let steps = life.draw(60); steps > 0; steps--) life.step();
    life.crash();
  }
}

describe('a log that crashes', () => {
  it('comes back as it was after some write, not before the last durable one', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 31 }), live), {
      numRuns: Number(process.env.RUNS ?? 60),
    });
  });

  // Lives in which the test once compacted a replacement that was not durable yet, as Raft does not:
  // it then took a batch cut short for the whole, or missed the term of what the log begins after.
  it.each([1811652328, 415027614, 1515049267])('comes back as it was in life %i', live);
});
