import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { entriesOf, identity, sameEntries } from '../../test/engine/log-harness.ts';
import { untilReal } from '../../test/ports/harness.ts';
import { QuorateError } from '../base/errors.ts';
import type { DiskResult, DiskTask } from '../engine/log/disk-operation.ts';
import { DiskRequests } from '../engine/log/disk-requests.ts';
import { foundLog, type OpenedLog, openLog } from '../engine/log/opening.ts';
import { NodeDisk } from '../platform/node-disk.ts';
import { DiskDriver } from './disk-driver.ts';

let root: string;
let driver: DiskDriver;

beforeEach(() => {
  root = fs.mkdtempSync(join(os.tmpdir(), 'quorate-driver-'));
  driver = new DiskDriver(new NodeDisk(root));
});

afterEach(async () => {
  let closed = false;
  driver.close(() => {
    closed = true;
  });
  await untilReal(() => closed);
  fs.rmSync(root, { recursive: true });
});

/** Runs tasks at once, side by side; answers their results in the order of asking. */
async function run(...tasks: DiskTask[]): Promise<DiskResult[]> {
  const results: DiskResult[] = [];
  let left = tasks.length;
  for (const [id, task] of tasks.entries()) {
    driver.run({ id, task }, (result) => {
      results[id] = result;
      left--;
    });
    expect(results[id]).toBeUndefined();
  }
  await untilReal(() => left === 0);
  return results;
}

const bytes = (...all: number[]): Uint8Array => new Uint8Array(all);

describe('the driver of a disk', () => {
  it('carries out each kind of task', async () => {
    await run({ type: 'make-directory', path: 'a/b' });
    await run({ type: 'create', path: 'a/b/c', sizeBytes: 100 });
    const buffers = [bytes(1, 2), bytes(3)];
    await run({ type: 'write', path: 'a/b/c', position: 10, buffers, sync: true });
    await run({ type: 'write', path: 'a/b/c', position: 13, buffers: [bytes(4)], sync: false });
    const path = 'a/b/c';
    expect(
      await run(
        { type: 'sync', path },
        { type: 'read', path, position: 9, lengthBytes: 6 },
        { type: 'read', path, position: 98, lengthBytes: 6 },
        { type: 'stat', path },
        { type: 'list', path: 'a/b' },
        { type: 'sync-directory', path: 'a/b' },
        { type: 'close', path },
      ),
    ).toEqual([
      null,
      bytes(0, 1, 2, 3, 4, 0),
      bytes(0, 0),
      { kind: 'file', sizeBytes: 100 },
      ['c'],
      null,
      null,
    ]);
    expect(await run({ type: 'truncate', path, sizeBytes: 11 })).toEqual([null]);
    await run({ type: 'write-atomically', path: 'd', content: bytes(5) });
    expect(await run({ type: 'read-whole', path: 'd', bytesMax: 10 })).toEqual([bytes(5)]);
    const [space] = await run({ type: 'space' });
    expect(space).toHaveProperty('freeBytes');
  });

  it('lets what was begun on a file end before it is renamed or removed', async () => {
    await run({ type: 'create', path: 'x', sizeBytes: 0 });
    const content = new Uint8Array(2 ** 20).fill(7);
    const results = await run(
      { type: 'write', path: 'x', position: 0, buffers: [content], sync: true },
      { type: 'rename', from: 'x', to: 'y' },
    );
    expect(results).toEqual([null, null]);
    expect(fs.statSync(join(root, 'y')).size).toBe(content.length);
    expect(await run({ type: 'remove', path: 'y' }, { type: 'remove', path: 'y' })).toEqual([
      null,
      null,
    ]);
  });

  it('answers errors by name, and opens a file that has come since', async () => {
    const read = { type: 'read' as const, path: 'later', position: 0, lengthBytes: 1 };
    expect(await run(read, read)).toMatchObject([
      { code: 'file-not-found' },
      { code: 'file-not-found' },
    ]);
    await run({ type: 'create', path: 'later', sizeBytes: 1 });
    expect(await run(read)).toEqual([bytes(0)]);
  });

  it('works with more files than it keeps open', async () => {
    const paths = Array.from({ length: 150 }, (_, i) => `f${i}`);
    await run(...paths.map((path) => ({ type: 'create' as const, path, sizeBytes: 0 })));
    const write = (path: string, i: number): DiskTask => {
      return { type: 'write', path, position: 0, buffers: [bytes(i)], sync: false };
    };
    expect(new Set(await run(...paths.map(write)))).toEqual(new Set([null]));
    const reads = paths.map((path) => ({
      type: 'read' as const,
      path,
      position: 0,
      lengthBytes: 9,
    }));
    expect(await run(...reads)).toEqual(paths.map((_, i) => bytes(i)));
  });
});

describe('a log on a real disk', () => {
  it('is founded, written, closed and found again', async () => {
    const options = { segmentBytes: 2 ** 20, reserveBytes: 2 ** 16 };
    const open = async (): Promise<{ opened: OpenedLog; pump: () => void }> => {
      const disk = new DiskRequests();
      const pump = (): void => {
        for (const operation of disk.take()) {
          driver.run(operation, (result) => {
            disk.complete(operation.id, result);
            pump();
          });
        }
      };
      let result: OpenedLog | QuorateError | undefined;
      openLog(disk, options, (answer) => {
        if (answer !== 'new') result = answer;
        else foundLog(disk, identity, options, (made) => (result = made));
      });
      pump();
      await untilReal(() => result !== undefined);
      if (result instanceof QuorateError || result === undefined) throw result;
      return { opened: result, pump };
    };
    const first = await open();
    const { log } = first.opened;
    log.openGroup(2);
    const entries = entriesOf(2, 1, 3000, 1, 700);
    const ticket = log.append({ group: 2, entries, hardState: { term: 1, vote: 3, commit: 0 } });
    log.flush();
    first.pump();
    await untilReal(() => log.durableTicket === ticket);
    let closed = false;
    log.close(() => {
      closed = true;
    });
    first.pump();
    await untilReal(() => closed);
    const second = await open();
    const group = second.opened.log.group(2)!;
    expect(second.opened.identity).toEqual(identity);
    expect(second.opened.report).toMatchObject({ entries: 3000, cut: undefined });
    expect(group.hardState).toMatchObject({ term: 1, vote: 3 });
    expect(group.entries(2500, 2510, 10 ** 6)).toBeUndefined();
    second.pump();
    await untilReal(() => second.opened.log.takeFetched().includes(2));
    const found = group.entries(2500, 2510, 10 ** 6)!;
    expect(sameEntries(found, entries.slice(2499, 2509))).toBe(true);
  });
});
