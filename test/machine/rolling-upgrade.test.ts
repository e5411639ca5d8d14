/** Members upgraded one by one, on real disks and sockets: nobody stops, nobody guesses. */
import { afterEach, expect, test } from 'vitest';
import { type TestCluster, type TypedGroup, testCluster } from '../../src/index.ts';
import { silentLogger } from '../../src/ports/logger.ts';
import { until } from '../processes/waiting.ts';
import { bookOne, bookTwo } from './versions.ts';

let cluster: TestCluster | undefined;
afterEach(() => cluster?.close());

test('from version 1 to 2, and no way back', async () => {
  cluster = await testCluster({ options: { logger: silentLogger } });
  const [first] = await cluster.group('book', bookOne);
  expect(await first!.commands.add({ name: 'a', by: 1 })).toBe('one: 1');

  const upgraded: TypedGroup<typeof bookTwo>[] = [];
  for (const index of [0, 1, 2]) {
    for (const group of upgraded) {
      const code = await group.commands.double('a').catch((error: { code: string }) => error.code);
      expect(code).toBe('version-not-active');
    }
    const member = await cluster.restart(index);
    const group = await member.group('book', bookTwo);
    upgraded.push(group);
    expect(await group.commands.add({ name: 'a', by: 1 })).toMatch(/^(one|two): /);
  }
  const [a, b, c] = upgraded;
  await until('version 2 everywhere', () =>
    upgraded.every(({ machine }) => machine.activeVersion === 2),
  );
  expect(await a!.queries.total()).toBe(4);
  await b!.commands.double('a');
  expect(await c!.queries.total()).toBe(8);

  // The old program refuses by name, whether the log or a snapshot tells it.
  const back = await cluster.restart(2);
  const opened = await back.group('book', bookOne).then(
    () => back.closed,
    (error: { code: string }) => error,
  );
  const ended = opened?.code === 'closing' ? await back.closed : opened;
  expect(ended?.code).toBe('machine-too-old');
  // The others go on without it, and it comes back with the new one.
  expect(await a!.commands.add({ name: 'a', by: 1 })).toBe('two: 9');
  const again = await (await cluster.restart(2)).group('book', bookTwo);
  expect(await again.queries.total()).toBe(9);
});
