/** A member without others, which nobody's message ever wakes: what it is asked it does by itself. */
import { expect, it } from 'vitest';
import { openMemberOn } from '../../src/member/open-member.ts';
import { World } from '../../src/sim/world.ts';
import { encodeWrite, Registers } from './registers.ts';
import { seedsOr } from './run.ts';

/** Shorter than any wait for an election. */
const soonMs = 900;

it.each(seedsOr([601], [602, 603]))('answers soon after each restart, seed %i', async (seed) => {
  const world = new World({ seed, trap: true });
  const node = world.node('a');
  const answered: number[] = [];
  let opened = 0;
  node.run(async (ports) => {
    const peers = [{ name: 'a', address: 'a:7000' }];
    const member = await openMemberOn(ports, { name: 'a', dataDir: '', peers });
    const group = await member.group('registers', new Registers(() => {}));
    opened++;
    for (let i = 0; i < 5; i++) {
      answered.push(
        (await group.propose(encodeWrite({ key: 'k0', value: `v${i}` }), {
          timeoutMs: 60_000,
        })) as number,
      );
    }
  });
  for (let life = 1; life <= 6; life++) {
    await world.settleUntil(() => opened === life && answered.length === 5 * life, {
      limitMs: life === 1 ? 5000 : soonMs,
    });
    node.crash({ power: life % 2 === 0 ? 'lost' : 'kept' });
    node.restart();
  }
  expect(answered).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
});
