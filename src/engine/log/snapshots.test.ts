import { describe, expect, it } from 'vitest';
import { DiskModel } from '../../../test/engine/disk-model.ts';
import { sameBytes } from '../../../test/engine/log-harness.ts';
import { QuorateError } from '../../base/errors.ts';
import { SeededRandom } from '../../base/seeded-random.ts';
import { DiskRequests } from './disk-requests.ts';
import { type FoundSnapshots, findSnapshots, removeSnapshots } from './snapshot-files.ts';
import { pieceBytesMax, type SnapshotFacts, snapshotPath } from './snapshot-format.ts';
import { type ReadPiece, SnapshotReader } from './snapshot-reader.ts';
import { SnapshotReceiver } from './snapshot-receiver.ts';
import { SnapshotWriter } from './snapshot-writer.ts';

const facts: SnapshotFacts = {
  clusterId: 77,
  group: 3,
  index: 1000,
  term: 12,
  configuration: {
    voters: [1, 2, 3],
    votersOutgoing: [1, 4],
    learners: [2 ** 53 - 1],
    learnersNext: [4],
    autoLeave: true,
  },
};
const path = snapshotPath(facts.group, facts.index);

function state(bytes: number): Uint8Array {
  const made = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) made[i] = (i * 7 + (i >> 8)) % 256;
  return made;
}

/** Writes a snapshot as its owner would; answers how it ended. */
function write(
  model: DiskModel,
  content: Uint8Array,
  of: SnapshotFacts = facts,
): QuorateError | null {
  const disk = new DiskRequests();
  const writer = new SnapshotWriter(disk, of);
  for (let at = 0; at < content.length; at += 100_000) {
    while (!writer.ready && writer.failed === undefined) model.settle(disk);
    writer.write(content.subarray(at, at + 100_000));
  }
  let result: QuorateError | null | undefined;
  writer.finish((error) => {
    result = error;
  });
  model.settle(disk);
  if (result === undefined) throw new Error('the writer did not end');
  return result;
}

/** All pieces, or what reading failed with. */
function read(model: DiskModel, offset = 0): ReadPiece[] | QuorateError {
  const disk = new DiskRequests();
  const reader = new SnapshotReader(disk, path, offset);
  const pieces: ReadPiece[] = [];
  let failed: QuorateError | undefined;
  while (!reader.ended && failed === undefined) {
    reader.next((piece) => {
      if (piece instanceof QuorateError) failed = piece;
      else pieces.push(piece);
    });
    model.settle(disk);
  }
  reader.close();
  return failed ?? pieces;
}

function stateOf(pieces: ReadPiece[] | QuorateError): Uint8Array {
  if (pieces instanceof QuorateError) throw pieces;
  const parts = pieces.filter(({ kind }) => kind === 'chunk').map(({ content }) => content);
  const all = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function find(model: DiskModel, clusterId = 77): FoundSnapshots | QuorateError {
  const disk = new DiskRequests();
  let found: FoundSnapshots | QuorateError | undefined;
  findSnapshots(disk, clusterId, (result) => {
    found = result;
  });
  model.settle(disk);
  if (found === undefined) throw new Error('the search did not end');
  return found;
}

describe('a snapshot', () => {
  it('is read back as it was written, and its facts are found after a restart', () => {
    const model = new DiskModel();
    const content = state(3 * pieceBytesMax + 17);
    expect(write(model, content)).toBeNull();
    expect(sameBytes(stateOf(read(model)), content)).toBe(true);
    const found = find(model) as FoundSnapshots;
    expect(found.newest.get(3)).toMatchObject({ facts, stateBytes: content.length, path });
    expect(found.damaged).toEqual([]);
    expect(find(model, 78)).toMatchObject({ code: 'wrong-directory' });
  });

  it('may be empty', () => {
    const model = new DiskModel();
    expect(write(model, state(0))).toBeNull();
    expect(sameBytes(stateOf(read(model)), state(0))).toBe(true);
  });

  it('with any byte flipped is refused by name', () => {
    const model = new DiskModel();
    write(model, state(300));
    const length = model.content(path).length;
    for (let at = 0; at < length; at++) {
      const copy = model.copy();
      copy.damage(path, (content) => {
        content[at]! ^= 1 << (at % 8);
      });
      const result = read(copy);
      expect(result, `byte ${at}`).toBeInstanceOf(QuorateError);
      expect((result as QuorateError).code).toBe('snapshot-damaged');
      expect((result as QuorateError).details).toMatchObject({ path });
    }
  });

  it('cut off anywhere is damaged, with pieces swapped as well; it stays where it is', () => {
    const model = new DiskModel();
    write(model, state(2 * pieceBytesMax));
    const whole = model.content(path);
    for (const length of [0, 1, 30, 5000, pieceBytesMax, whole.length - 1]) {
      const copy = model.copy();
      copy.damage(path, (content) => content.slice(0, length));
      expect(read(copy)).toMatchObject({ code: 'snapshot-damaged' });
      const found = find(copy) as FoundSnapshots;
      expect(found.newest.size).toBe(0);
      expect(found.damaged).toHaveLength(1);
      expect(copy.names.has(path)).toBe(true);
    }
    const pieces = read(model) as ReadPiece[];
    const [first, second] = pieces.filter(({ kind }) => kind === 'chunk');
    model.damage(path, (content) => {
      content.set(second!.bytes, first!.offset);
      content.set(first!.bytes, second!.offset);
    });
    expect(read(model)).toMatchObject({ code: 'snapshot-damaged' });
  });

  it('is there wholly or not at all, wherever the power goes', () => {
    const content = state(2 * pieceBytesMax);
    let kept = 0;
    for (let operations = 0; operations < 14; operations++) {
      for (let seed = 0; seed < 3; seed++) {
        const random = new SeededRandom(seed);
        const model = new DiskModel();
        write(model, state(10), { ...facts, index: 900 });
        const disk = new DiskRequests();
        const writer = new SnapshotWriter(disk, facts);
        writer.write(content);
        let done = false;
        writer.finish((error) => {
          expect(error).toBeNull();
          done = true;
        });
        let count = 0;
        model.settle(disk, { stop: () => count++ >= operations });
        model.loosePower((bound) => random.below(bound));
        const found = find(model) as FoundSnapshots;
        const { index } = found.newest.get(3)!.facts;
        expect(done ? [1000] : [900, 1000]).toContain(index);
        expect([...model.names.keys()]).toEqual([snapshotPath(3, index)]);
        if (index === 1000) {
          expect(sameBytes(stateOf(read(model)), content)).toBe(true);
          kept++;
        }
      }
    }
    expect(kept).toBeGreaterThan(0);
  });

  it('fails by name where the disk is full or broken, and leaves nothing behind', () => {
    for (const code of ['disk-full', 'short-write', 'disk-failed', 'disk-sync-failed'] as const) {
      for (let nth = 1; nth <= 6; nth++) {
        const model = new DiskModel();
        model.fault = (task, count) => (count === nth && task.type !== 'remove' ? code : undefined);
        const result = write(model, state(pieceBytesMax * 2));
        if (result === null) continue;
        expect(result.code).toBe(code);
        expect([...model.names.keys()].filter((name) => name.endsWith('.tmp'))).toEqual([]);
      }
    }
  });

  // One that has just come from the leader lies there before anything rests on it.
  it('gives way to a newer one, and never to an older', () => {
    const model = new DiskModel();
    for (const index of [10, 30, 20, 40]) write(model, state(10), { ...facts, index });
    write(model, state(10), { ...facts, group: 4, index: 5 });
    const disk = new DiskRequests();
    removeSnapshots(disk, 3, 30, (error) => expect(error).toBeNull());
    model.settle(disk);
    expect([...model.names.keys()].sort()).toEqual([
      snapshotPath(3, 30),
      snapshotPath(3, 40),
      snapshotPath(4, 5),
    ]);
  });
});

describe('receiving a snapshot', () => {
  const sender = new DiskModel();
  const content = state(4 * pieceBytesMax + 5);
  write(sender, content);
  const pieces = read(sender) as ReadPiece[];
  const { clusterId, group, index, term } = facts;
  const expected = { clusterId, group, index, term };

  it('goes on after a broken connection where it stopped, and never takes a wrong piece', () => {
    const model = new DiskModel();
    const disk = new DiskRequests();
    const receiver = new SnapshotReceiver(disk, expected);
    for (const { offset, bytes } of pieces.slice(0, 3)) {
      const broken = bytes.slice();
      broken[broken.length - 1]! ^= 1;
      expect(receiver.take(offset, broken)).toMatchObject({ code: 'snapshot-damaged' });
      expect(receiver.take(offset, bytes)).toBeNull();
    }
    // Left out, and sent again.
    expect(receiver.take(pieces[4]!.offset, pieces[4]!.bytes)).toMatchObject({
      code: 'snapshot-damaged',
    });
    expect(receiver.take(pieces[1]!.offset, pieces[1]!.bytes)).toBeNull();
    expect(receiver.goodBytes).toBe(pieces[3]!.offset);
    model.settle(disk);
    const rest = read(sender, receiver.goodBytes) as ReadPiece[];
    for (const { offset, bytes } of rest) {
      expect(receiver.complete).toBe(false);
      expect(receiver.take(offset, bytes)).toBeNull();
    }
    expect(receiver.complete).toBe(true);
    let done = false;
    receiver.finish((error) => {
      expect(error).toBeNull();
      done = true;
    });
    model.settle(disk);
    expect(done).toBe(true);
    expect(sameBytes(stateOf(read(model)), content)).toBe(true);
    expect(receiver.facts).toEqual(facts);
  });

  it('refuses the header of another one', () => {
    for (const other of [{ clusterId: 1 }, { group: 9 }, { index: 7 }, { term: 11 }]) {
      const receiver = new SnapshotReceiver(new DiskRequests(), { ...expected, ...other });
      const { offset, bytes } = pieces[0]!;
      expect(receiver.take(offset, bytes)).toMatchObject({ code: 'snapshot-damaged' });
      expect(receiver.goodBytes).toBe(0);
    }
  });

  it('leaves nothing when it is given up, in the midst or after a restart', () => {
    const model = new DiskModel();
    const disk = new DiskRequests();
    const receiver = new SnapshotReceiver(disk, expected);
    receiver.take(pieces[0]!.offset, pieces[0]!.bytes);
    let gone = false;
    receiver.abandon(() => {
      gone = true;
    });
    model.settle(disk);
    expect(gone).toBe(true);
    expect(model.names.size).toBe(0);
    const again = new SnapshotReceiver(disk, expected);
    again.take(pieces[0]!.offset, pieces[0]!.bytes);
    model.settle(disk);
    expect(model.names.size).toBe(1);
    expect((find(model) as FoundSnapshots).newest.size).toBe(0);
    expect(model.names.size).toBe(0);
  });

  it('holds no more than a little that waits for the disk', () => {
    const receiver = new SnapshotReceiver(new DiskRequests(), expected);
    let taken = 0;
    for (const { offset, bytes } of pieces) {
      if (!receiver.ready) break;
      receiver.take(offset, bytes);
      taken += bytes.length;
    }
    expect(receiver.ready).toBe(false);
    expect(taken).toBeLessThan(2 ** 20 + 2 * pieceBytesMax);
  });
});
