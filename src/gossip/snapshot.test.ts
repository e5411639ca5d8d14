import { expect, test } from 'vitest';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from './snapshot.ts';

const snapshot: Snapshot = {
  name: 'a',
  incarnation: 7,
  lamportTimes: { member: 3, event: 2, query: 1 },
  members: [{ name: 'bé', address: { host: '10.0.0.2', port: 7946 } }],
  left: false,
};

test('comes back as it was', () => {
  expect(decodeSnapshot(encodeSnapshot(snapshot))).toEqual(snapshot);
});

test('with any byte flipped, or cut anywhere, it is refused by name', () => {
  const content = encodeSnapshot(snapshot);
  const damaged = expect.objectContaining({ code: 'gossip-snapshot-damaged' });
  for (let index = 0; index < content.length; index++) {
    const flipped = content.slice();
    flipped[index]! ^= 1 << (index % 8);
    expect(() => decodeSnapshot(flipped)).toThrow(damaged);
    expect(() => decodeSnapshot(content.subarray(0, index))).toThrow(damaged);
  }
});
