/** Typed machines on real members: the calls, from any member. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestCluster, testCluster } from '../../src/index.ts';
import { silentLogger } from '../../src/ports/logger.ts';
import { counters, everything } from './counters.ts';

describe('a typed group on three members', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await testCluster({ options: { logger: silentLogger } });
  });
  afterAll(() => cluster.close());

  test('runs the example of the README', async () => {
    const [a, b, c] = await cluster.group('counters', counters);
    expect(await a!.commands.inc({ key: 1n, by: 5n })).toBe(5n);
    expect(await b!.commands.inc({ key: 1n, by: 2n })).toBe(7n);
    expect(await c!.queries.get(1n)).toBe(7n);
    expect(await b!.queries.get(1n, { consistency: 'local' })).toBe(7n);
    const all = Array.from({ length: 300 }, (_, i) =>
      [a, b, c][i % 3]!.commands.inc({ key: 2n, by: 1n }),
    );
    const answers = await Promise.all(all);
    expect(new Set(answers).size).toBe(300);
    expect(await a!.queries.get(2n)).toBe(300n);
    const { code } = await a!.commands
      .inc({ key: 1n, by: 1 as never })
      .then(() => ({ code: 'none' }))
      .catch((error: { code: string }) => error);
    expect(code).toBe('command-failed');
  });

  test('runs a job on the leader, whose commands are fenced', async () => {
    const groups = await cluster.group('led', counters);
    const stop = new AbortController();
    const first = Promise.race(
      groups.map((group) =>
        group.lead(
          async ({ commands, term }) => {
            await commands.inc({ key: 1n, by: 1n });
            return { group, term, commands };
          },
          { signal: stop.signal },
        ),
      ),
    );
    const { group, term, commands } = await first;
    stop.abort();
    expect(group.leadership).toMatchObject({ isLeader: true, term });
    const others = groups.filter((each) => each !== group);
    await group.transferLeadership();
    await others[0]!.commands.inc({ key: 1n, by: 1n });
    await expect(commands.inc({ key: 1n, by: 100n })).rejects.toMatchObject({ code: 'stale-term' });
    expect(await others[1]!.queries.get(1n)).toBe(2n);
  });

  test('takes a command once under one key', async () => {
    const [a, b] = await cluster.group('once', counters);
    const options = { idempotencyKey: 'order 17' };
    expect(await a!.commands.inc({ key: 1n, by: 1n }, options)).toBe(1n);
    expect(await b!.commands.inc({ key: 1n, by: 1n }, options)).toBe(1n);
    expect(await b!.queries.get(1n)).toBe(1n);
  });

  test('tells refusals, and changes from where it is asked to', async () => {
    const [a, b] = await cluster.group('everything', everything);
    const abort = new AbortController();
    const seen: string[] = [];
    const telling = (async () => {
      for await (const { command, index } of b!.changes({ after: 0, signal: abort.signal })) {
        seen.push(command);
        if (seen.length === 3) return index;
      }
      return 0;
    })();
    await a!.commands.add('first');
    await expect(b!.commands.addAndFail('x')).rejects.toMatchObject({ code: 'not-today' });
    await expect(b!.commands.checked({ name: '' })).rejects.toMatchObject({
      code: 'invalid-input',
    });
    await b!.commands.add('second');
    expect(await b!.commands.take()).toBeTypeOf('bigint');
    const index = await telling;
    expect(seen).toEqual(['add', 'add', 'take']);
    await a!.commands.add('third');
    for await (const changes of a!.changes({ after: index, signal: abort.signal })) {
      expect(changes.command).toBe('add');
      abort.abort();
    }
    expect(await b!.queries.names()).toEqual(['first', 'second', 'third']);
  });
});
