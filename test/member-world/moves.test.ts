/** Members that move and members that come: what must survive a crash at the worst moment. */
import { describe, expect, it } from 'vitest';
import type { Member } from '../../src/member/member.ts';
import { openMemberOn } from '../../src/member/open-member.ts';
import { MemberWorld } from './member-world.ts';

describe('all members’ addresses changed at once', () => {
  it('they find each other by what they are told at their start', async () => {
    const world = new MemberWorld({ seed: 601, thinkMs: 20 });
    await world.allRunning();
    await world.until(() => world.history.count('done') > 20, 60_000);
    for (const name of world.names) world.crash(name);
    const peers = world.names.map((name) => ({ name, address: `${name}:7100` }));
    for (const name of world.names) world.options.set(name, { peers });
    for (const name of world.names) world.restart(name);
    await world.allRunning();
    const done = world.history.count('done');
    await world.until(() => world.history.count('done') > done + 20, 60_000);
    await world.finish();
    // From now on the cluster knows, and nobody needs to be told.
    for (const name of world.names) {
      const { members } = world.running(name)!.engine.system.state;
      expect(members.map(({ address }) => address)).toEqual(['a:7100', 'b:7100', 'c:7100']);
    }
  });
});

describe('a process that dies while it joins', () => {
  it('at any call of a port: it becomes one member, whenever that was', async () => {
    const died = new Set<string>();
    for (let call = 1; call < 80; call += 4) {
      const world = new MemberWorld({ seed: 610 + call, thinkMs: 50 });
      await world.allRunning();
      await world.until(() => world.leader() !== undefined, 60_000);
      const node = world.world.node('d');
      let member: Member | undefined;
      node.run((ports) => {
        const options = { name: 'd', dataDir: '', join: ['a:7000', 'b:7000'], listen: 'd:7000' };
        openMemberOn(ports, options).then(
          (opened) => {
            member = opened;
          },
          (error: unknown) => world.wrong.push(String(error)),
        );
      });
      node.crashAtCall(call);
      await world.until(() => !node.running || member !== undefined, 60_000);
      const members = () => world.running('a')?.engine.system.state.members ?? [];
      const known = members().some(({ name }) => name === 'd');
      const founded = node.volume.files().includes('identity');
      if (!node.running) died.add(`${known ? 'known' : 'unknown'}, ${founded ? 'founded' : 'not'}`);
      node.crash();
      member = undefined;
      node.restart();
      await world.until(() => member !== undefined, 60_000);
      await world.until(() => members().some(({ name }) => name === 'd'), 60_000);
      expect(world.running('a')!.engine.system.state.nextMemberId, `call ${call}`).toBe(5);
      node.crash();
    }
    // It has died in between as well.
    expect([...died]).toContain('known, not');
  });
});
