import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BroadcastLimits, BroadcastQueue, retransmitLimit } from './broadcast-queue.ts';

const limits: BroadcastLimits = {
  retransmitMult: 4,
  piecesMax: 100,
  pieceBytesMax: 1_000,
  perGroupMax: 3,
  dropped: () => {},
};
const all = { members: 9, overheadBytes: 2, bytesMax: 10_000, piecesMax: 255 };
const piece = (fill: number, length = 10) => new Uint8Array(length).fill(fill);
const take = (queue: BroadcastQueue, options: Partial<typeof all> = {}) => {
  const pieces: Uint8Array[] = [];
  queue.take(pieces, { ...all, ...options });
  return pieces.map((bytes) => bytes[0]);
};

describe('a broadcast queue', () => {
  it.each([
    [1, 4],
    [9, 4],
    [10, 8],
    [99, 8],
    [999, 12],
  ])('among %d sends each piece %d times', (members, sends) => {
    expect(retransmitLimit(4, members)).toBe(sends);
    let finished = 0;
    const queue = new BroadcastQueue(limits);
    queue.add({ bytes: piece(1), finished: () => finished++ });
    for (let send = 0; send < sends; send++) {
      expect(finished).toBe(0);
      expect(take(queue, { members })).toEqual([1]);
    }
    expect([finished, queue.length, take(queue)]).toEqual([1, 0, []]);
  });

  it('gives the least sent first, of these the largest that fits, of these the newest', () => {
    const queue = new BroadcastQueue(limits);
    queue.add({ bytes: piece(1) });
    take(queue);
    queue.add({ bytes: piece(2, 50) });
    queue.add({ bytes: piece(3, 20) });
    queue.add({ bytes: piece(4, 20) });
    expect(take(queue, { bytesMax: 45 })).toEqual([4, 3]);
    expect(take(queue)).toEqual([2, 4, 3, 1]);
  });

  it('keeps only the newest piece about a subject, and finishes what it replaces', () => {
    const queue = new BroadcastQueue(limits);
    const finished: number[] = [];
    queue.add({ bytes: piece(1), subject: 'a', finished: () => finished.push(1) });
    queue.add({ bytes: piece(2), subject: 'b' });
    queue.add({ bytes: piece(3), subject: 'a' });
    expect(finished).toEqual([1]);
    expect(take(queue)).toEqual([3, 2]);
  });

  it('holds to its limits, whatever is put in and taken out', () => {
    const action = fc.oneof(
      fc.record({
        length: fc.integer({ min: 1, max: 1_200 }),
        subject: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }),
        group: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
      }),
      fc.integer({ min: 0, max: 3_000 }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
        const queue = new BroadcastQueue({ ...limits, piecesMax: 20 });
        let [added, finished] = [0, 0];
        for (const step of actions) {
          if (typeof step === 'number') {
            const pieces: Uint8Array[] = [];
            const used = queue.take(pieces, { ...all, bytesMax: step });
            const bytes = pieces.reduce((sum, { length }) => sum + length + 2, 0);
            expect(used).toBe(bytes);
            expect(bytes).toBeLessThanOrEqual(step);
            expect(new Set(pieces).size).toBe(pieces.length);
          } else {
            added++;
            queue.add({
              bytes: piece(1, step.length),
              finished: () => finished++,
              ...(step.subject === undefined ? {} : { subject: step.subject }),
              ...(step.group === undefined ? {} : { group: step.group }),
            });
          }
          expect(queue.length).toBeLessThanOrEqual(20);
          for (const group of ['x', 'y']) expect(queue.lengthOfGroup(group)).toBeLessThanOrEqual(3);
          expect(queue.length).toBe(added - finished);
        }
        queue.clear();
        expect(finished).toBe(added);
      }),
    );
  });
});
