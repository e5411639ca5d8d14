/** What a log does besides keeping its word: memory, space, segments, many groups, repair. */
import { describe, expect, it } from 'vitest';
import { DiskModel } from '../../../test/engine/disk-model.ts';
import {
  allEntries,
  entriesOf,
  entry,
  type Opened,
  open,
  opened,
  sameEntries,
  small,
} from '../../../test/engine/log-harness.ts';
import { QuorateError } from '../../base/errors.ts';

const tight = { ...small, segmentBytes: 8192, groupsMax: 10, reserveBytes: 0 };

function segmentFiles(model: DiskModel): string[] {
  return [...model.names.keys()].filter((path) => path.endsWith('.log')).sort();
}

/** Appends and makes durable, an entry at a time. */
function fill(one: Opened, model: DiskModel, group: number, from: number, to: number): void {
  for (let index = from; index <= to; index++) {
    const hardState = { term: 1, vote: 1, commit: index - 1 };
    one.log.append({ group, entries: entriesOf(group, index, index, 1, 600), hardState });
    one.log.flush();
    model.settle(one.disk);
  }
}

describe('a turn of the disk', () => {
  it('is one write and one sync for all groups, however much waits', () => {
    const model = new DiskModel();
    const { log, disk } = opened(model);
    for (let group = 0; group < 30; group++) log.openGroup(group);
    for (let group = 0; group < 30; group++) {
      log.append({ group, entries: entriesOf(group, 1, 3, 1) });
    }
    log.flush();
    const operations = disk.take();
    expect(operations.map(({ task }) => task.type)).toEqual(['write']);
    // What comes meanwhile is the next batch.
    for (let group = 0; group < 30; group++) {
      log.append({ group, entries: entriesOf(group, 4, 4, 1) });
      log.flush();
    }
    expect(disk.take()).toEqual([]);
    disk.complete(operations[0]!.id, model.perform(operations[0]!.task));
    expect(disk.take().map(({ task }) => task.type)).toEqual(['write']);
  });

  it('writes a vote before the batch that rests on it, and the batch only then', () => {
    const model = new DiskModel();
    const { log, disk } = opened(model);
    log.openGroup(0);
    log.append({ group: 0, entries: [], hardState: { term: 5, vote: 2, commit: 0 } });
    log.flush();
    const [vote, ...more] = disk.take();
    expect(more).toEqual([]);
    expect(vote!.task).toMatchObject({ type: 'write', path: 'vote', sync: true });
    disk.complete(vote!.id, model.perform(vote!.task));
    const [batch] = disk.take();
    expect(batch!.task).toMatchObject({ type: 'write', path: segmentFiles(model)[0], sync: true });
    expect(log.durableTicket).toBe(0);
    disk.complete(batch!.id, model.perform(batch!.task));
    expect(log.durableTicket).toBe(1);
  });

  it('does not happen for a commit index alone, which rides along with the next write', () => {
    const model = new DiskModel();
    const one = opened(model);
    one.log.openGroup(0);
    fill(one, model, 0, 1, 3);
    const ticket = one.log.durableTicket;
    const group = 0;
    const hardState = { term: 1, vote: 1, commit: 3 };
    const { batches } = one.log.status();
    expect(one.log.append({ group, entries: [], hardState })).toBe(ticket);
    one.log.flush();
    model.settle(one.disk);
    expect(one.log.status().batches).toBe(batches);
    one.log.append({ group, entries: [entry(0, 4, 1)] });
    one.log.flush();
    model.settle(one.disk);
    expect(opened(model.copy()).log.group(0)!.hardState).toEqual(hardState);
  });

  it('goes in several batches where a write is too large for one', () => {
    const model = new DiskModel();
    const { log, disk } = opened(model, tight);
    log.openGroup(0);
    const entries = entriesOf(0, 1, 40, 1, 600);
    const ticket = log.append({ group: 0, entries });
    log.flush();
    model.settle(disk);
    expect(log.durableTicket).toBe(ticket);
    expect(log.status().batches).toBeGreaterThan(10);
    const again = opened(model, tight);
    expect(sameEntries(allEntries(again, model, 0), entries)).toBe(true);
  });

  it('seals an idle log once, and is quiet then', () => {
    const model = new DiskModel();
    const one = opened(model);
    one.log.openGroup(0);
    fill(one, model, 0, 1, 2);
    one.log.tick();
    model.settle(one.disk);
    expect(one.log.status().seals).toBe(1);
    one.log.tick();
    one.log.flush();
    expect(one.disk.take()).toEqual([]);
    let closed = false;
    one.log.close(() => {
      closed = true;
    });
    model.settle(one.disk);
    expect(closed).toBe(true);
  });
});

describe('memory', () => {
  it('holds the newest entries up to its bound; older ones are read back when asked for', () => {
    const model = new DiskModel();
    const options = { ...tight, cacheBytesMax: 4000, readBackBytesMax: 4000 };
    const one = opened(model, options);
    const group = one.log.openGroup(0);
    fill(one, model, 0, 1, 60);
    expect(one.log.status().cacheBytes).toBeLessThanOrEqual(4000);
    expect(group.entries(60, 61, 1000)).toHaveLength(1);
    expect(group.entries(1, 61, 2 ** 20)).toBeUndefined();
    expect(one.log.takeFetched()).toEqual([]);
    model.settle(one.disk);
    expect(one.log.takeFetched()).toEqual([0]);
    const first = group.entries(1, 61, 2 ** 20)!;
    expect(sameEntries(first, entriesOf(0, 1, first.length, 1, 600))).toBe(true);
    expect(sameEntries(allEntries(one, model, 0), entriesOf(0, 1, 60, 1, 600))).toBe(true);
    for (let index = 1; index <= 60; index++) expect(group.term(index)).toBe(1);
  });

  it('keeps all that is not durable, whatever the bound', () => {
    const model = new DiskModel();
    const { log } = opened(model, { ...tight, cacheBytesMax: 0 });
    const group = log.openGroup(0);
    log.append({ group: 0, entries: entriesOf(0, 1, 20, 1, 600) });
    log.flush();
    expect(group.entries(1, 21, 2 ** 20)).toHaveLength(20);
  });

  it('finds a damaged entry when it is read back, and names it', () => {
    const model = new DiskModel();
    const one = opened(model, { ...tight, cacheBytesMax: 0 });
    const group = one.log.openGroup(0);
    fill(one, model, 0, 1, 5);
    const path = segmentFiles(model)[0]!;
    model.damage(path, (content) => {
      content[group.places.position(3) + 7]! ^= 1;
    });
    group.entries(2, 5, 2 ** 20);
    model.settle(one.disk);
    expect(one.log.fault).toMatchObject({ code: 'log-damaged', details: { path } });
  });
});

describe('segments', () => {
  it('go when no group needs them, and are used again', () => {
    const model = new DiskModel();
    const one = opened(model, { ...tight, spareSegmentsMax: 4 });
    const group = one.log.openGroup(0);
    let created = 0;
    model.fault = (task) => {
      if (task.type === 'create') created++;
      return undefined;
    };
    for (let index = 1; index <= 200; index++) {
      fill(one, model, 0, index, index);
      if (index % 20 === 0) group.compactTo(index - 5);
      one.log.flush();
      model.settle(one.disk);
      expect(segmentFiles(model).length).toBeLessThan(8);
    }
    expect(one.log.status().bytes / tight.segmentBytes).toBeGreaterThan(15);
    expect(created).toBeLessThan(8);
    const again = opened(model, tight);
    expect(again.log.group(0)!.firstIndex()).toBe(196);
    expect(sameEntries(allEntries(again, model, 0), entriesOf(0, 196, 200, 1, 600))).toBe(true);
  });

  it('held back by the few entries of a quiet group are let go by writing those anew', () => {
    for (const cacheBytesMax of [0, 2 ** 20]) {
      const model = new DiskModel();
      const options = { ...tight, cacheBytesMax };
      const one = opened(model, options);
      one.log.openGroup(0);
      one.log.openGroup(1);
      fill(one, model, 1, 1, 2);
      for (let index = 1; index <= 150; index++) {
        fill(one, model, 0, index, index);
        one.log.group(0)!.compactTo(Math.max(0, index - 3));
        one.log.flush();
        model.settle(one.disk);
      }
      expect(segmentFiles(model).length).toBeLessThan(8);
      const again = opened(model, options);
      expect(sameEntries(allEntries(again, model, 1), entriesOf(1, 1, 2, 1, 600))).toBe(true);
      expect(sameEntries(allEntries(again, model, 0), entriesOf(0, 148, 150, 1, 600))).toBe(true);
      expect(sameEntries(allEntries(one, model, 1), entriesOf(1, 1, 2, 1, 600))).toBe(true);
    }
  });

  it('are not held back by a group that was removed', () => {
    const model = new DiskModel();
    const one = opened(model, tight);
    one.log.openGroup(0);
    one.log.openGroup(1);
    fill(one, model, 1, 1, 8);
    one.log.removeGroup(1);
    fill(one, model, 0, 1, 40);
    one.log.group(0)!.compactTo(38);
    one.log.flush();
    model.settle(one.disk);
    expect(segmentFiles(model).length).toBeLessThan(4);
    const again = opened(model, tight);
    expect(again.log.group(1)).toBeUndefined();
    expect(again.log.group(0)!.lastIndex()).toBe(40);
  });
});

describe('a full disk', () => {
  it('loses nothing, acknowledges nothing, and is left by compacting', () => {
    const model = new DiskModel();
    const options = { ...tight, reserveBytes: 8192 };
    const one = opened(model, options);
    const { log, disk } = one;
    log.openGroup(0);
    expect(log.space).toBe('enough');
    model.freeBytes = 8192;
    let index = 0;
    let ticket = 0;
    const spaces = new Set<string>();
    while (log.durableTicket === ticket && index < 200) {
      index++;
      ticket = log.append({ group: 0, entries: entriesOf(0, index, index, 1, 600) });
      log.flush();
      model.settle(disk);
      spaces.add(log.space);
    }
    expect([...spaces]).toEqual(['enough', 'reserve', 'full']);
    expect(log.fault).toBeUndefined();
    log.tick();
    model.settle(disk);
    expect(log.durableTicket).toBe(ticket - 1);
    log.group(0)!.compactTo(index - 2);
    log.flush();
    model.settle(disk);
    expect(log.durableTicket).toBe(ticket);
    model.freeBytes = 10 ** 6;
    log.tick();
    model.settle(disk);
    expect(log.space).toBe('enough');
    const again = opened(model, options);
    expect(again.log.group(0)!.lastIndex()).toBe(index);
    expect(sameEntries(allEntries(again, model, 0), entriesOf(0, index - 1, index, 1, 600))).toBe(
      true,
    );
  });
});

describe('many groups', () => {
  it('come back, each with its term and vote, from one table of votes', () => {
    const model = new DiskModel();
    const options = { segmentBytes: 2 ** 20, reserveBytes: 0 };
    const { log, disk } = opened(model, options);
    for (let group = 0; group < 2000; group++) {
      log.openGroup(group);
      const hardState = { term: group + 1, vote: (group % 3) + 1, commit: 0 };
      log.append({ group, entries: [entry(group, 1, group + 1)], hardState });
    }
    log.flush();
    const before = log.status();
    model.settle(disk);
    expect(log.status().voteWrites - before.voteWrites).toBeLessThanOrEqual(1);
    expect(log.status().batches - before.batches).toBe(1);
    const again = opened(model, options);
    for (let group = 0; group < 2000; group++) {
      const found = again.log.group(group)!;
      expect(found.hardState).toEqual({ term: group + 1, vote: (group % 3) + 1, commit: 0 });
      expect(found.lastIndex()).toBe(1);
    }
  });
});

describe('a repaired log', () => {
  it('marks its groups as suspect until they are cleared, across restarts', () => {
    const model = new DiskModel();
    const one = opened(model, tight);
    one.log.openGroup(0);
    one.log.openGroup(1);
    fill(one, model, 0, 1, 3);
    fill(one, model, 1, 1, 3);
    fill(one, model, 0, 4, 20);
    one.log.tick();
    model.settle(one.disk);
    const path = segmentFiles(model)[1]!;
    model.damage(path, (content) => {
      content[5000]! ^= 1;
    });
    expect(open(model, tight)).toMatchObject({ code: 'log-damaged', details: { path } });
    const repaired = opened(model, { ...tight, repair: true });
    expect(repaired.report.damage).toMatchObject({ code: 'log-damaged' });
    const kept = repaired.log.group(0)!.lastIndex();
    expect(kept).toBeGreaterThanOrEqual(3);
    expect(kept).toBeLessThan(20);
    expect(sameEntries(allEntries(repaired, model, 0), entriesOf(0, 1, kept, 1, 600))).toBe(true);
    expect(repaired.log.isSuspect(0)).toBe(true);
    expect(repaired.log.isVoteLost(0)).toBe(false);
    expect(repaired.log.group(0)!.hardState).toMatchObject({ term: 1, vote: 1 });
    const again = opened(model, tight);
    expect(again.report.damage).toBeUndefined();
    expect([again.log.isSuspect(0), again.log.isSuspect(1)]).toEqual([true, true]);
    again.log.clearSuspect(0);
    again.log.flush();
    model.settle(again.disk);
    fill(again, model, 0, kept + 1, kept + 3);
    const last = opened(model, tight);
    expect([last.log.isSuspect(0), last.log.isSuspect(1)]).toEqual([false, true]);
    expect(last.log.group(0)!.lastIndex()).toBe(kept + 3);
  });

  it('is refused again where repairing was interrupted, until it is done', () => {
    let refused = 0;
    for (let stopAfter = 1; stopAfter < 30; stopAfter++) {
      const model = new DiskModel();
      const one = opened(model, tight);
      one.log.openGroup(0);
      fill(one, model, 0, 1, 20);
      const before = model.operations;
      model.damage(segmentFiles(model)[0]!, (content) => {
        content[5000]! ^= 1;
      });
      model.fault = (_, count) => (count > before + stopAfter ? 'disk-failed' : undefined);
      const broken = open(model, { ...tight, repair: true });
      model.fault = () => undefined;
      const plain = open(model.copy(), tight);
      if (broken instanceof QuorateError && plain instanceof QuorateError) {
        refused++;
        expect(['log-damaged', 'vote-damaged']).toContain(plain.code);
        opened(model, { ...tight, repair: true });
      } else if (!(plain instanceof QuorateError)) {
        expect(plain.log.isSuspect(0)).toBe(true);
      }
    }
    expect(refused).toBeGreaterThan(5);
  });
});
