/** Leaders of many groups spread over the members, unless they shall not. */
import { afterEach, expect, test } from 'vitest';
import { type TestCluster, testCluster } from '../../src/index.ts';
import { until } from '../processes/waiting.ts';
import { bytes, Journal } from './journal.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const groupCount = 30;

function ledBy({ members }: TestCluster): number[] {
  return members.map(
    (member) =>
      Array.from({ length: groupCount }, (_, at) => member.engine.replica(at + 1)).filter(
        (replica) => replica?.role === 'leader',
      ).length,
  );
}

test('each of three members leads its share of thirty groups, and nothing is lost', async () => {
  const opened = await testCluster({ options: { settings: { spreadLeadersMs: 100 } } });
  ends.push(() => opened.close());
  const names = Array.from({ length: groupCount }, (_, at) => `group-${at}`);
  const groups = await Promise.all(names.map((name) => opened.group(name, () => new Journal())));
  await Promise.all(groups.map(([group]) => group!.propose(bytes('before'))));
  // A member that closes has handed all of its groups over, and comes back leading none.
  const back = await opened.restart(2);
  await Promise.all(names.map((name) => back.group(name, new Journal())));
  await until('an even spread', () => {
    const led = ledBy(opened);
    const sum = led.reduce((a, b) => a + b, 0);
    return sum === groupCount && Math.max(...led) - Math.min(...led) <= 3;
  });
  await Promise.all(groups.map(([group]) => group!.propose(bytes('after'))));
  for (const [group] of groups) expect(group!.machine.lines).toEqual(['before', 'after']);
});
