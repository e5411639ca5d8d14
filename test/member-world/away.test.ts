/** Members that come, and members that come back: what they lack must reach them. */
import { expect, it } from 'vitest';
import { house } from '../../src/sim/house/house.ts';
import { SimCluster } from '../../src/sim/run/cluster.ts';
import { quickHardware } from '../../src/sim/run/plan.ts';
import { atRest } from '../../src/sim/run/repairs.ts';

/** Three members, at rest, of a group in which little happens. */
async function threeMembers(seed: number): Promise<SimCluster<unknown>> {
  const { application } = house().subject;
  const options = { seed, members: 3, clientsPerMember: 1, thinkMs: 50 };
  const cluster: SimCluster<unknown> = new SimCluster({
    ...options,
    application,
    hardware: quickHardware,
  });
  const all = () => cluster.names.every((name) => cluster.running(name) !== undefined);
  await cluster.until(() => all() && atRest(cluster), 20_000);
  return cluster;
}

it('how a group begins reaches a newcomer, though it is lost on its way', async () => {
  const cluster = await threeMembers(902);
  const lost = new Set<number>();
  for (const name of cluster.names) {
    const { peers } = cluster.running(name)!.engine;
    const send = peers.send.bind(peers);
    peers.send = (to, group, message) => {
      if (message.type !== 'snapshot' || lost.has(group)) send(to, group, message);
      else lost.add(group);
    };
  }
  cluster.join();
  await cluster.until(() => cluster.running('d') !== undefined && atRest(cluster), 20_000);
  expect(lost).toContain(0);
  expect(cluster.findings.all).toEqual([]);
});

// Only they could tell it of themselves: somebody whom it knows must vouch for them.
it('a member learns of those who came while it was away, though one of them leads', async () => {
  const cluster = await threeMembers(901);
  const takesPart = (name: string) => cluster.running(name) !== undefined;
  cluster.crash('c');
  cluster.join();
  await cluster.until(() => takesPart('d') && atRest(cluster), 20_000);
  const system = (name: string) => cluster.running(name)!.engine.replica(0)!;
  const target = cluster.ids.get('d')!;
  const leader = ['a', 'b', 'd'].find((name) => system(name).role === 'leader')!;
  if (leader !== 'd') system(leader).step({ type: 'transfer-leadership', target });
  await cluster.until(() => system('d').role === 'leader', 20_000);
  cluster.restart('c');
  await cluster.until(() => takesPart('c') && atRest(cluster), 20_000);
  const { members } = cluster.running('c')!.engine.system.state;
  expect(members.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
  expect(cluster.findings.all).toEqual([]);
});
