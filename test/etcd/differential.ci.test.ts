/** The same thousands of generated requests to a real etcd and to ours, and the same answers. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Peer } from './differential/compare.ts';
import { known } from './differential/known.ts';
import { compareServers } from './differential/run.ts';
import { EtcdProcess, hasEtcd } from './etcd-process.ts';
import { type OwnServer, startServer } from './own-server.ts';

describe('requests to etcd and to Quorate', () => {
  let etcd: EtcdProcess;
  let own: OwnServer;
  beforeAll(async () => {
    if (!hasEtcd()) return;
    [etcd, own] = await Promise.all([EtcdProcess.start(), startServer()]);
  });
  afterAll(async () => {
    await etcd?.stop();
    await own?.stop();
  });

  test('4,000 requests are answered alike', async (context) => {
    context.skip(!hasEtcd(), 'needs the Debian packages etcd-server and etcd-client');
    const theirs = await Peer.connect(etcd.port);
    const ours = await Peer.connect(own.port);
    let events = 0;
    for (const seed of [1, 2, 3, 4]) {
      const outcome = await compareServers({ theirs, ours }, { seed, count: 1_000 });
      expect(outcome.differences).toEqual([]);
      expect(outcome.answered).toBeGreaterThan(300);
      expect(outcome.refused).toBeGreaterThan(100);
      events += outcome.events;
    }
    expect(events).toBeGreaterThan(400);
    theirs.close();
    ours.close();
  }, 240_000);

  test.each(known.map(({ name, example }) => [name, example] as const))(
    'the difference that is known: %s',
    async (name, { request, theirs, ours }) => {
      const table = readFileSync(
        join(import.meta.dirname, '../../docs/etcd-differences.md'),
        'utf8',
      );
      expect(table).toContain(`| ${name} |`);
      if (!hasEtcd()) return;
      const [real, own_] = [await Peer.connect(etcd.port), await Peer.connect(own.port)];
      expect((await real.answer(request)).message ?? '').toBe(theirs);
      expect((await own_.answer(request)).message ?? '').toBe(ours);
      real.close();
      own_.close();
    },
  );
});
