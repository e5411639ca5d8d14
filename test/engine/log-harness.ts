/** Opens logs on a {@link DiskModel}, and says what must hold. */
import { assert } from '../../src/base/assert.ts';
import { QuorateError } from '../../src/base/errors.ts';
import { DiskRequests } from '../../src/engine/log/disk-requests.ts';
import type { Identity } from '../../src/engine/log/identity.ts';
import { foundLog, type OpenedLog, openLog } from '../../src/engine/log/opening.ts';
import type { LogOptions } from '../../src/engine/log/settings.ts';
import type { Entry } from '../../src/raft/entry.ts';
import type { DiskModel, Draw } from './disk-model.ts';

export const identity: Identity = { clusterId: 77, memberId: 1, incarnation: 9, name: 'a' };

/** Small enough that a few batches fill a segment. */
export const small: LogOptions = {
  segmentBytes: 16 * 1024,
  cacheBytesMax: 2 ** 20,
  reserveBytes: 4096,
  groupsMax: 40,
};

export interface Opened extends OpenedLog {
  readonly disk: DiskRequests;
}

/** Opens what is on the disk, or founds it where nothing is. */
export function open(
  model: DiskModel,
  options: LogOptions = small,
  draw?: Draw,
): Opened | QuorateError {
  const disk = new DiskRequests();
  let result: OpenedLog | 'new' | QuorateError | undefined;
  openLog(disk, options, (answer) => {
    result = answer;
    if (answer === 'new') foundLog(disk, identity, options, (founded) => (result = founded));
  });
  model.settle(disk, draw === undefined ? {} : { draw });
  assert(result !== undefined && result !== 'new', 'opening did not end');
  return result instanceof QuorateError ? result : { ...result, disk };
}

/** {@link open} where it must succeed. */
export function opened(model: DiskModel, options: LogOptions = small, draw?: Draw): Opened {
  const result = open(model, options, draw);
  if (result instanceof QuorateError) throw result;
  return result;
}

/** An entry whose content tells where it belongs. */
export function entry(group: number, index: number, term: number, bytes = 20): Entry {
  const data = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) data[i] = (group * 31 + index * 7 + term * 3 + i) % 251;
  return { type: index % 5 === 0 ? 'configuration' : 'normal', term, index, data };
}

export function entriesOf(
  group: number,
  from: number,
  to: number,
  term: number,
  bytes = 20,
): Entry[] {
  const made: Entry[] = [];
  for (let index = from; index <= to; index++) made.push(entry(group, index, term, bytes));
  return made;
}

/** All entries of a group, read back from the disk where need be. */
export function allEntries({ log, disk }: Opened, model: DiskModel, id: number): readonly Entry[] {
  const group = log.group(id);
  const all: Entry[] = [];
  if (group === undefined) return all;
  while (group.firstIndex() + all.length <= group.lastIndex()) {
    const from = group.firstIndex() + all.length;
    const some = group.entries(from, group.lastIndex() + 1, 4096);
    if (some !== undefined) {
      all.push(...some);
      continue;
    }
    model.settle(disk);
    if (log.fault !== undefined) throw log.fault;
    assert(log.takeFetched().includes(id), 'entries were asked for and did not come');
  }
  return all;
}

/** Much faster than the test framework's way to compare. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

export function sameEntries(found: readonly Entry[], wanted: readonly Entry[]): boolean {
  return (
    found.length === wanted.length &&
    found.every((entry, at) => {
      const { index, term, type, data } = wanted[at]!;
      const same = entry.index === index && entry.term === term && entry.type === type;
      return same && sameBytes(entry.data, data);
    })
  );
}
