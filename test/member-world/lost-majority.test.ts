/** Two of three members are gone for good: the third goes on alone, when it is told to. */
import { expect, it } from 'vitest';
import type { Group } from '../../src/member/group.ts';
import { recoverLostMajorityOn } from '../../src/member/lost-majority.ts';
import type { Member } from '../../src/member/member.ts';
import { openMemberOn } from '../../src/member/open-member.ts';
import { MemberWorld } from './member-world.ts';
import { encodeWrite, Registers } from './registers.ts';

const log = { segmentBytes: 65_536, batchBytesMax: 16_384, reserveBytes: 65_536 };

it('the survivor of a lost majority goes on alone, and the others are refused', async () => {
  const world = new MemberWorld({ seed: 801, thinkMs: 20 });
  await world.allRunning();
  await world.until(() => world.history.count('done') > 60, 60_000);
  await world.finish();
  const node = world.node('a');
  const before = world.running('a')!.group.machine.read('k0');

  // It does not touch a member that runs.
  let result: unknown;
  const settled = (answer: unknown): void => {
    result = answer;
  };
  recoverLostMajorityOn(node.ports, log).then(settled, settled);
  await world.world.settleUntil(() => result !== undefined, { limitMs: 60_000 });
  expect(result).toMatchObject({ code: 'directory-locked' });

  for (const name of world.names) world.crash(name);
  result = undefined;
  let member: Member | undefined;
  let group: Group<Registers> | undefined;
  node.run((ports) => {
    void recoverLostMajorityOn(ports, log).then(settled, settled);
  });
  node.restart();
  await world.world.settleUntil(() => result !== undefined, { limitMs: 60_000 });
  const groups = [{ group: 0 }, { group: 1 }];
  expect(result).toMatchObject({ name: 'a', memberId: 1, groups });
  node.crash({ power: 'lost' });

  const options = { name: 'a', dataDir: '', listen: 'a:7000', advertise: 'a:7000' };
  node.run((ports) => {
    void openMemberOn(ports, options, { log }).then(async (opened) => {
      member = opened;
      group = await opened.group('registers', new Registers(() => {}));
    });
  });
  node.restart();
  await world.world.settleUntil(() => group !== undefined, { limitMs: 60_000 });
  expect(member!.members().map(({ name }) => name)).toEqual(['a']);
  const seen: unknown[] = [];
  void (async () => {
    seen.push(await group!.read((machine) => machine.read('k0')));
    seen.push(await group!.propose(encodeWrite({ key: 'k0', value: 'alone' })));
  })();
  await world.world.settleUntil(() => seen.length === 2, { limitMs: 60_000 });
  expect(seen).toEqual([before, before.version + 1]);

  // The others come back: they are told that they are out.
  world.restart('b');
  await world.world.settleUntil(() => world.life('b')?.ended !== undefined, { limitMs: 60_000 });
  expect(world.life('b')?.ended).toMatchObject({ code: 'removed-member' });

  // A new one may join.
  let joined: Group<Registers> | undefined;
  world.world.node('d').run((ports) => {
    const d = { name: 'd', dataDir: '', join: ['a:7000'], listen: 'd:7000' };
    void openMemberOn(ports, d, { log }).then(async (opened) => {
      joined = await opened.group('registers', new Registers(() => {}));
    });
  });
  await world.world.settleUntil(() => joined?.machine.read('k0').value === 'alone', {
    limitMs: 60_000,
  });
});
