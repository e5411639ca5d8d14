/**
 * What is on disk is damaged in every way there is: the log comes back with all that was vouched
 * for and no vote forgotten, or it is refused by name and place.
 */
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
} from '../../../test/engine/log-harness.ts';
import { QuorateError } from '../../base/errors.ts';
import type { LogOptions } from './settings.ts';
import { votePath } from './vote-format.ts';

const options: LogOptions = {
  segmentBytes: 8192,
  reserveBytes: 0,
  groupsMax: 10,
  cacheBytesMax: 0,
};
const segment = 'log/0000000000000001.log';
const named = ['log-damaged', 'vote-damaged'];

/** A log of four batches, with votes; sealed or not, as it is after each batch. */
function life(sealed: boolean): { model: DiskModel; ends: number[]; last: Opened } {
  const model = new DiskModel();
  const last = opened(model, options);
  const { log, disk } = last;
  log.openGroup(0);
  log.openGroup(1);
  const ends: number[] = [];
  for (let batch = 1; batch <= 4; batch++) {
    const hardState = { term: batch, vote: (batch % 3) + 1, commit: batch };
    log.append({ group: 0, entries: entriesOf(0, batch * 2 - 1, batch * 2, batch), hardState });
    log.append({ group: 1, entries: entriesOf(1, batch, batch, 1) });
    log.flush();
    model.settle(disk);
    ends.push(endOf(model));
  }
  if (sealed) {
    log.tick();
    model.settle(disk);
  } else {
    // As if it had died before it could vouch for the last batch.
    model.damage(segment, (content) => {
      content.fill(0, content.length - 64);
    });
  }
  return { model, ends, last };
}

/** Where the last byte that is not zero lies, rounded up to a block; the last block not counted. */
function endOf(model: DiskModel): number {
  const content = model.content(segment);
  return Math.ceil(usedBefore(content, content.length - 64) / 64) * 64;
}

/** Where the last byte before `end` that is not zero ends. */
function usedBefore(content: Uint8Array, end: number): number {
  let at = end;
  while (content[at - 1] === 0) at--;
  return at;
}

/** What was found: how many entries of group 0 and its vote, or the error. */
function verdict(
  model: DiskModel,
  repair = false,
): { entries: number; vote: string } | QuorateError {
  const result = open(model, { ...options, repair });
  if (result instanceof QuorateError) return result;
  const found = allEntries(result, model, 0);
  const all = [1, 2, 3, 4].flatMap((term) => entriesOf(0, term * 2 - 1, term * 2, term));
  expect(sameEntries(found, all.slice(0, found.length))).toBe(true);
  const { term, vote } = result.log.group(0)?.hardState ?? { term: 0, vote: 0 };
  return { entries: found.length, vote: `${term}/${vote}` };
}

const whole = { entries: 8, vote: '4/2' };

function expectRefusal(result: unknown, path?: string): void {
  expect(result).toBeInstanceOf(QuorateError);
  const { code, details } = result as QuorateError;
  expect(named).toContain(code);
  if (path !== undefined) expect(details.path).toBe(path);
  if (code === 'log-damaged') expect(details.offset).toBeGreaterThanOrEqual(0);
}

describe('a damaged log', () => {
  it('with a byte flipped anywhere in what was sealed: refused, or all is there', () => {
    const { model, ends } = life(true);
    const refusals = { 'log-damaged': 0, 'vote-damaged': 0 };
    for (let at = 0; at < ends[3]! + 64; at++) {
      // The rest of the header's page is free for later formats.
      if (at === 64) at = 4096;
      const copy = model.copy();
      copy.damage(segment, (content) => {
        content[at]! ^= 1 << (at % 8);
      });
      const result = verdict(copy);
      if (result instanceof QuorateError) {
        expectRefusal(result, segment);
        refusals[result.code as 'log-damaged']++;
        const repaired = verdict(copy, true);
        expect(repaired).not.toBeInstanceOf(QuorateError);
      } else {
        expect(result, `byte ${at}`).toEqual(whole);
      }
    }
    expect(refusals['log-damaged']).toBeGreaterThan(500);
  });

  it('with a byte flipped in the last batch that nothing vouches for: cut, votes kept', () => {
    const { model, ends } = life(false);
    for (let at = ends[2]!; at < ends[3]!; at++) {
      const copy = model.copy();
      copy.damage(segment, (content) => {
        content[at]! ^= 0x10;
      });
      const result = verdict(copy);
      expect(result).not.toBeInstanceOf(QuorateError);
      const { entries, vote } = result as { entries: number; vote: string };
      expect([6, 8]).toContain(entries);
      // Its vote is in the vote file, which was synced before it.
      expect(vote).toBe('4/2');
    }
  });

  it('cut off at every byte of its last two batches: whole, refused, or without the last one', () => {
    const { model, ends } = life(false);
    for (let at = ends[1]!; at <= ends[3]!; at++) {
      const zeroed = model.copy();
      zeroed.damage(segment, (content) => {
        content.fill(0, at);
      });
      const result = verdict(zeroed);
      if (at < usedBefore(model.content(segment), ends[2]!)) {
        // The third batch is vouched for by the vote that was written after it.
        expectRefusal(result, segment);
      } else {
        expect(result).not.toBeInstanceOf(QuorateError);
        const { entries } = result as { entries: number };
        if (entries === 6) expect(at).toBeLessThan(ends[3]!);
        else expect(entries).toBe(8);
      }
      const shorter = model.copy();
      shorter.damage(segment, (content) => content.slice(0, at));
      expectRefusal(verdict(shorter), segment);
      const repaired = verdict(shorter, true);
      expect(repaired).not.toBeInstanceOf(QuorateError);
    }
  });

  it('with batches swapped, repeated or written elsewhere: refused', () => {
    const { model, ends } = life(true);
    const [first, second, third] = ends as [number, number, number];
    const changes: ((content: Uint8Array) => void)[] = [
      // Written over another one.
      (content) => content.copyWithin(second, first, second),
      (content) => content.copyWithin(first, second, third),
      // Exchanged.
      (content) => {
        const kept = content.slice(first, second);
        content.copyWithin(first, second, third);
        content.set(kept, third - kept.length);
      },
      // An old block over a new one.
      (content) => content.copyWithin(third, 4096, 4096 + 512),
    ];
    for (const change of changes) {
      const copy = model.copy();
      copy.damage(segment, (content) => {
        change(content);
      });
      expectRefusal(verdict(copy), segment);
    }
  });

  it('does not take a batch of the file’s former life, nor one of another member', () => {
    const { model, ends } = life(true);
    const old = model.content(segment).slice();
    const copy = model.copy();
    // As if the file had been used before: behind the seal, and where the next batch would begin.
    copy.damage(segment, (content) => {
      content.set(old.subarray(4096, ends[3]!), ends[3]! + 64);
    });
    expect(verdict(copy)).toEqual(whole);
  });

  it('without a segment in the middle, or at the beginning: refused with its name', () => {
    const model = new DiskModel();
    const { log, disk } = opened(model, options);
    log.openGroup(0);
    for (let index = 1; index <= 30; index++) {
      log.append({ group: 0, entries: entriesOf(0, index, index, 1, 500) });
      log.flush();
      model.settle(disk);
    }
    const files = [...model.names.keys()].filter((path) => path.endsWith('.log')).sort();
    expect(files.length).toBeGreaterThan(4);
    for (const lost of files.slice(0, -1)) {
      const copy = model.copy();
      copy.names.delete(lost);
      const result = open(copy, options);
      expectRefusal(result);
      const repaired = open(copy, { ...options, repair: true });
      expect(repaired).not.toBeInstanceOf(QuorateError);
      expect((repaired as Opened).log.isSuspect(0)).toBe(true);
    }
    const unused = model.copy();
    unused.names.delete(files[files.length - 1]!);
    expect(open(unused, options)).not.toBeInstanceOf(QuorateError);
  });

  it('of a newer format, or of somebody else: refused by that name', () => {
    const { model } = life(true);
    const other = new DiskModel();
    opened(other, options);
    for (const path of [segment, votePath, 'identity']) {
      const copy = model.copy();
      copy.damage(path, (content) => {
        content[0]! ^= 1;
      });
      const result = open(copy, options);
      if (path === segment || path === 'identity') {
        expect(result).toBeInstanceOf(QuorateError);
      }
    }
  });
});

describe('damaged votes', () => {
  it('flipped at every byte: the newest is noticed, the older one is not needed', () => {
    const { model } = life(true);
    const verdicts: string[] = [];
    for (const slot of [0, 2 ** 20]) {
      const results = new Set<string>();
      for (let at = slot; at < slot + 40 + 25; at++) {
        const copy = model.copy();
        copy.damage(votePath, (content) => {
          content[at]! ^= 0x04;
        });
        const result = verdict(copy);
        if (result instanceof QuorateError) expect(result.code).toBe('vote-damaged');
        else expect(result).toEqual(whole);
        results.add(result instanceof QuorateError ? result.code : 'whole');
        // The log says every vote that was heard of, where it is whole.
        expect(verdict(copy, true)).toEqual(whole);
      }
      expect(results.size).toBe(1);
      verdicts.push(...results);
    }
    expect(verdicts.sort()).toEqual(['vote-damaged', 'whole']);
  });

  it('with both slots gone, or the file: refused; and given back by the log when told to repair', () => {
    const { model } = life(true);
    const zeroed = model.copy();
    zeroed.damage(votePath, (content) => {
      content.fill(0);
    });
    const removed = model.copy();
    removed.names.delete(votePath);
    const result = verdict(zeroed);
    expect(result).toBeInstanceOf(QuorateError);
    expect((result as QuorateError).code).toBe('vote-damaged');
    expect(verdict(zeroed, true)).toEqual(whole);
  });

  it('torn at every byte while a vote is being written: the vote before it holds', () => {
    const { model, last } = life(true);
    const { log, disk } = last;
    log.append({ group: 0, entries: [], hardState: { term: 9, vote: 3, commit: 0 } });
    log.flush();
    const [operation] = disk.take();
    const { task } = operation!;
    if (task.type !== 'write' || task.path !== votePath) throw new Error('no vote is written');
    const bytes = task.buffers[0]!;
    for (let length = 0; length <= bytes.length; length++) {
      const copy = model.copy();
      copy.perform({ ...task, buffers: [bytes.slice(0, length)] });
      const result = verdict(copy);
      expect(result).not.toBeInstanceOf(QuorateError);
      const { vote } = result as { vote: string };
      expect(['4/2', '9/3']).toContain(vote);
      if (vote === '4/2') expect(length).toBeLessThan(bytes.length);
    }
  });
});

describe('errors of the disk', () => {
  it('at the Nth operation: a named fault, nothing durable after it, all acknowledged is kept', () => {
    for (const code of ['disk-failed', 'disk-full', 'disk-sync-failed', 'short-write'] as const) {
      for (let nth = 1; nth < 40; nth++) {
        const model = new DiskModel();
        const { log, disk } = opened(model, options);
        const from = model.operations;
        model.fault = (_, count) => (count === from + nth ? code : undefined);
        log.openGroup(0);
        let acknowledged = 0;
        for (let index = 1; index <= 12; index++) {
          const hardState = { term: index, vote: 1, commit: 0 };
          const entries = entriesOf(0, index, index, index, 600);
          const ticket = log.append({ group: 0, entries, hardState });
          log.flush();
          model.settle(disk);
          log.tick();
          model.settle(disk);
          if (log.durableTicket >= ticket) acknowledged = index;
          else expect(log.fault ?? log.space).not.toBe('enough');
        }
        if (log.fault !== undefined) expect(log.fault.code).toBe(code);
        else expect(acknowledged).toBe(12);
        model.fault = () => undefined;
        const again = opened(model.copy(), options);
        const found = allEntries(again, model, 0);
        expect(found.length).toBeGreaterThanOrEqual(acknowledged);
        const wanted = found.map((_, i) => entry(0, i + 1, i + 1, 600));
        expect(sameEntries(found, wanted)).toBe(true);
        expect(again.log.group(0)?.hardState.term ?? 0).toBeGreaterThanOrEqual(acknowledged);
      }
    }
  });
});
