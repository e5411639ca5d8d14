/** The small parts that the log is made of. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuorateError } from '../../base/errors.ts';
import { decodeHead, encodeHead } from './batch-format.ts';
import { EntryPlaces } from './entry-places.ts';
import { decodeIdentity, encodeIdentity } from './identity.ts';
import { RunList } from './run-list.ts';
import { decodeSegmentHeader, encodeSegmentHeader, segmentSeed } from './segment-format.ts';
import { logSettings } from './settings.ts';
import { decodeVotes, encodeVotes, tableLength } from './vote-format.ts';

const wide = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const identities = fc.record({
  clusterId: wide,
  memberId: wide,
  incarnation: wide,
  name: fc.string({ maxLength: 60 }),
});
const identity = { clusterId: 2 ** 40 + 5, memberId: 3, incarnation: 2 ** 52 + 1, name: 'ä' };

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof QuorateError) return error.code;
    throw error;
  }
  return 'none';
}

describe('the identity', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(identities, (any) => {
        expect(decodeIdentity(encodeIdentity(any))).toEqual(any);
      }),
    );
  });

  it('with a byte flipped, cut off, or of a newer format is refused by name', () => {
    const bytes = encodeIdentity(identity);
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.slice();
      flipped[at]! ^= 0x20;
      expect(codeOf(() => decodeIdentity(flipped))).toBe('identity-damaged');
      expect(codeOf(() => decodeIdentity(bytes.slice(0, at)))).toBe('identity-damaged');
    }
  });

  it('has its ranges', () => {
    expect(codeOf(() => encodeIdentity({ ...identity, memberId: 0 }))).toBe('invalid-config');
    expect(codeOf(() => encodeIdentity({ ...identity, name: 'ä'.repeat(129) }))).toBe(
      'invalid-config',
    );
  });
});

describe('a segment’s header', () => {
  const header = { sequence: 9, sizeBytes: 2 ** 26, firstNumber: 0 };

  it('comes back, belongs to one directory, and is damaged by any flip', () => {
    const page = encodeSegmentHeader(identity, header);
    expect(decodeSegmentHeader(page, identity, 'x')).toEqual(header);
    for (const part of ['clusterId', 'memberId', 'incarnation'] as const) {
      const other = { ...identity, [part]: 8 };
      expect(codeOf(() => decodeSegmentHeader(page, other, 'x'))).toBe('wrong-directory');
    }
    for (let at = 0; at < 64; at++) {
      const flipped = page.slice();
      flipped[at]! ^= 1;
      expect(decodeSegmentHeader(flipped, identity, 'x')).toBeUndefined();
    }
  });
});

describe('the head of a batch', () => {
  const head = {
    kind: 'batch' as const,
    number: 2 ** 45,
    syncedThrough: 2 ** 45 - 1,
    voteSequence: 7,
    oldestSegment: 3,
    tableBytes: 100,
    dataBytes: 2 ** 29,
  };

  it('is only taken where it was written', () => {
    const bytes = new Uint8Array(64);
    const seed = segmentSeed(identity, 4);
    encodeHead(bytes, head, { seed, position: 4096 });
    expect(decodeHead(bytes, 0, { seed, position: 4096 })).toEqual(head);
    expect(decodeHead(bytes, 0, { seed, position: 4160 })).toBeUndefined();
    const elsewhere = segmentSeed(identity, 5);
    expect(decodeHead(bytes, 0, { seed: elsewhere, position: 4096 })).toBeUndefined();
    for (let at = 0; at < 64; at++) {
      const flipped = bytes.slice();
      flipped[at]! ^= 0x80;
      expect(decodeHead(flipped, 0, { seed, position: 4096 })).toBeUndefined();
    }
  });
});

describe('the table of votes', () => {
  it('comes back from its slot, and only from its own', () => {
    const row = { term: 2 ** 50, vote: 4, suspect: true, voteLost: false };
    const rows = new Map([
      [0, row],
      [2 ** 53 - 1, { ...row, voteLost: true }],
    ]);
    const table = { sequence: 5, logSyncedThrough: 77, unknownSuspect: true, rows };
    const slot = encodeVotes(table, identity);
    expect(tableLength(slot)).toBe(slot.length);
    expect(decodeVotes(slot, 1, identity)).toEqual(table);
    expect(decodeVotes(slot, 0, identity)).toBeUndefined();
    expect(decodeVotes(slot, 1, { ...identity, incarnation: 1 })).toBeUndefined();
    const huge = slot.slice();
    huge.fill(0xff, 32, 36);
    expect(decodeVotes(huge, 1, identity)).toBeUndefined();
    expect(tableLength(huge)).toBe(2 ** 20);
  });
});

describe('runs', () => {
  it('say what an array would say', () => {
    const step = fc.oneof(
      fc.record({ set: fc.nat(3), back: fc.nat(4) }),
      fc.record({ drop: fc.nat(6) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const runs = new RunList();
        const array: number[] = [];
        let first = 0;
        for (const one of steps) {
          if ('set' in one) {
            array.length = Math.max(first, array.length - one.back);
            runs.set(array.length, one.set);
            array.push(one.set);
          } else {
            first = Math.min(Math.max(0, array.length - 1), first + one.drop);
            runs.dropBefore(first);
          }
          for (let index = first; index < array.length; index++) {
            expect(runs.at(index)).toBe(array[index]);
          }
        }
      }),
    );
  });
});

describe('places', () => {
  it('are kept through growing, cutting and dropping', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(40)), { maxLength: 80 }), (steps) => {
        const places = new EntryPlaces();
        let first = 1;
        const kept: number[] = [];
        for (const [kind, amount] of steps) {
          if (kind === 0) {
            for (let i = 0; i < amount; i++) {
              const index = first + kept.length;
              places.extend();
              kept.push(index * 1000 + amount);
              const isConfiguration = index % 2 === 0;
              const checksum = 2 ** 32 - index;
              const place = {
                position: index,
                lengthBytes: kept.at(-1)!,
                isConfiguration,
                checksum,
              };
              places.set(index, place);
            }
          } else if (kind === 1) {
            const keep = Math.max(0, kept.length - amount);
            places.cutFrom(first + keep);
            kept.length = keep;
          } else {
            const drop = Math.min(amount, kept.length);
            places.dropThrough(first + drop - 1);
            kept.splice(0, drop);
            first += drop;
          }
          expect(places.lastIndex).toBe(first + kept.length - 1);
          kept.forEach((lengthBytes, at) => {
            const index = first + at;
            expect(places.lengthBytes(index)).toBe(lengthBytes);
            expect(places.position(index)).toBe(index);
            expect(places.isConfiguration(index)).toBe(index % 2 === 0);
            expect(places.checksum(index)).toBe(2 ** 32 - index);
          });
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('settings', () => {
  it('out of range are refused by name', () => {
    expect(codeOf(() => logSettings({ segmentBytes: 10_000 }))).toBe('invalid-config');
    expect(codeOf(() => logSettings({ segmentBytes: 8192, batchBytesMax: 4096 }))).toBe(
      'invalid-config',
    );
    expect(codeOf(() => logSettings({ groupsMax: 1_000_000 }))).toBe('invalid-config');
    expect(codeOf(() => logSettings({ cacheBytesMax: Number.NaN }))).toBe('invalid-config');
    expect(logSettings().batchBytesMax).toBe(16 * 2 ** 20);
  });
});
