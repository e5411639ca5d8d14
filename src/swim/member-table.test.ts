import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../base/seeded-random.ts';
import { isGone, MemberTable } from './member-table.ts';
import { ourVersions } from './protocol-versions.ts';

function table(size: number) {
  const members = new MemberTable(new SeededRandom(3));
  const records = Array.from({ length: size }, (_, index) =>
    members.add({
      name: `m${index}`,
      address: { host: '10.0.0.1', port: index + 1 },
      meta: new Uint8Array(0),
      versions: ourVersions,
      incarnation: 1,
      state: 'alive',
      stateChangeMs: 0,
    }),
  );
  return { members, records };
}

const anybody = () => true;

describe('the table of members', () => {
  // SWIM, section 4.3: whoever fails is probed within 2n − 1 intervals.
  it('gives each to be probed once in every round, in changing orders', () => {
    const { members, records } = table(10);
    const orders = new Set<string>();
    for (let round = 0; round < 20; round++) {
      const names = records.map(() => members.nextToProbe(anybody, anybody)!.name);
      if (round > 0) expect(new Set(names).size).toBe(10);
      orders.add(names.join());
    }
    expect(orders.size).toBeGreaterThan(15);
  });

  it('comes round without losing a turn, and ends if nobody is wanted', () => {
    const { members, records } = table(2);
    const other = (record: { name: string }) => record !== records[0];
    for (let turn = 0; turn < 5; turn++) {
      expect(members.nextToProbe(other, anybody)).toBe(records[1]);
    }
    expect(members.nextToProbe(() => false, anybody)).toBeUndefined();
  });

  it('counts the living, and drops the dead from the list but not from memory', () => {
    const { members, records } = table(4);
    members.setState(records[1]!, 'suspect', 1);
    members.setState(records[2]!, 'dead', 1);
    expect([members.living, members.size]).toEqual([3, 4]);
    for (let turn = 0; turn < 8; turn++) members.nextToProbe(anybody, (record) => !isGone(record));
    expect(members.pick(4, anybody)).toHaveLength(3);
    expect(members.get('m2')).toBe(records[2]);
    members.setState(records[2]!, 'alive', 2);
    expect(members.pick(4, anybody)).toHaveLength(4);
    members.remove(records[2]!);
    expect([members.living, members.size]).toEqual([3, 3]);
    expect(members.knowsAddress(records[2]!.address)).toBe(false);
  });

  it('picks different members, all that are wanted if need be', () => {
    const { members, records } = table(50);
    for (let time = 0; time < 100; time++) {
      expect(new Set(members.pick(3, anybody)).size).toBe(3);
    }
    const few = new Set(records.slice(10, 12));
    expect(new Set(members.pick(3, (record) => few.has(record)))).toEqual(few);
  });
});
