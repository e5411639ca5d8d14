/** Two thousand groups on each of three members: they share links and batches, and fall quiet. */
import { expect, test } from 'vitest';
import { type Group, type Machine, testCluster } from '../../src/index.ts';
import { silentLogger } from '../../src/ports/logger.ts';
import { until } from '../processes/waiting.ts';
import { bytes } from './journal.ts';

const groupsCount = 2000;
const openedAtOnce = 250;

class Count implements Machine {
  applied = 0;

  apply(): { ok: true; value: number } {
    return { ok: true, value: ++this.applied };
  }

  snapshot(): Iterator<Uint8Array, void> {
    return [bytes(String(this.applied))].values();
  }

  restore() {
    return { chunk: () => {}, finish: () => {} };
  }
}

test('two thousand groups: one connection a peer, one sync a batch, quiet when idle', {
  timeout: 180_000,
}, async () => {
  const cluster = await testCluster({
    options: {
      logger: silentLogger,
      requestTimeoutMs: 60_000,
      tickMs: 50,
      settings: { quiesceAfterTicks: 20 },
    },
  });
  try {
    const groups: Group<Count>[] = [];
    for (let n = 0; n < groupsCount; n += openedAtOnce) {
      const opened = await Promise.all(
        Array.from({ length: openedAtOnce }, (_, i) =>
          cluster.group(`g${n + i}`, () => new Count()),
        ),
      );
      for (const [first] of opened) groups.push(first!);
    }
    const batches = () => cluster.members.map(({ engine }) => engine.logStatus.batches);
    const before = batches();
    const answers = await Promise.all(groups.map((group) => group.propose(bytes('x'))));
    expect(answers).toEqual(Array.from({ length: groupsCount }, () => 1));
    // What comes in one turn is one batch and one sync, of however many groups: a few on each
    // member, for proposals that are passed on and come in several pieces, not one a group.
    const batchesMax = groupsCount / 10;
    for (const [at, count] of batches().entries()) {
      expect(count - before[at]!).toBeLessThan(batchesMax);
    }
    const quiet = () => groups.filter((group) => group.status().quiet).length;
    await until('all to fall quiet', () => quiet() === groupsCount);
    // One that is quiet still answers.
    expect(await groups[7]!.propose(bytes('x'))).toBe(2);
    for (const member of cluster.members) {
      expect(member.openConnections).toBe(cluster.members.length - 1);
    }
  } finally {
    await cluster.close();
  }
});
