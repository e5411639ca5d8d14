/** MIT 6.824, Raft lab, part A: elections. Seeds take the place of real time. */
import { expect, test } from 'vitest';
import { Lab } from './lab.ts';

test('initial election: one leader, and the term stays while nothing fails', () => {
  const lab = new Lab(3);
  lab.checkOneLeader();
  const { term } = lab.status(1);
  expect(term).toBeGreaterThanOrEqual(1);
  lab.run(100);
  for (const id of lab.ids) expect(lab.status(id).term).toBe(term);
});

test('re-election after the network failed', () => {
  const lab = new Lab(3);
  const first = lab.checkOneLeader();
  lab.disconnect(first);
  const second = lab.checkOneLeader();
  expect(second).not.toBe(first);

  // The old leader comes back: the new one stays.
  lab.connect(first);
  lab.run(5);
  expect(lab.checkOneLeader()).toBe(second);

  // Without a quorum there is no leader.
  const other = lab.ids.find((id) => id !== second)!;
  lab.disconnect(second, other);
  lab.checkNoLeader();

  lab.connect(other);
  lab.checkOneLeader();
  lab.connect(second);
  lab.run(5);
  lab.checkOneLeader();
});

test.each([1, 2, 3, 4, 5])('many elections of seven, seed %i', (seed) => {
  const lab = new Lab(7, { seed });
  lab.checkOneLeader();
  for (let round = 0; round < 10; round++) {
    const away = new Set<number>();
    while (away.size < 3) away.add(1 + lab.random.below(7));
    lab.disconnect(...away);
    lab.checkOneLeader();
    lab.connect(...away);
    lab.run(3);
  }
  lab.checkOneLeader();
});
