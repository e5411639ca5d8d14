/** Groups that are deleted: nothing of them is left on any member, and their names are free. */
import { existsSync, readdirSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { machine, map, type TestCluster, testCluster } from '../../src/index.ts';
import { until } from '../processes/waiting.ts';
import { bytes, Journal } from './journal.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function cluster(): Promise<TestCluster> {
  const settings = { snapshotAfterBytes: 2000, keptEntries: 10 };
  const opened = await testCluster({ options: { settings } });
  ends.push(() => opened.close());
  return opened;
}

const kept = machine({
  state: { values: map<string, number>({ on: 'disk' }) },
  commands: {
    set({ values }, value: number) {
      values.set('a', value);
    },
  },
  queries: { get: ({ values }) => values.get('a') },
});

function filesOf(path: string, folder: string): string[] {
  return existsSync(`${path}/${folder}`) ? readdirSync(`${path}/${folder}`) : [];
}

test('snapshots go, what is open fails by name, and the name is free', async () => {
  const opened = await cluster();
  const groups = await opened.group('old', () => new Journal());
  const [{ id }, first, second] = [groups[0]!, opened.members[0]!, opened.members[1]!];
  const line = bytes('x'.repeat(100));
  for (let n = 0; n < 60; n++) await groups[0]!.propose(line);
  const snapshots = (): string[] =>
    opened.members.flatMap(({ dataDir }) =>
      filesOf(dataDir, 'snapshots').filter((name) => name.startsWith(`${id}-`)),
    );
  await until('snapshots', () => snapshots().length >= 3);
  const job = groups[1]!.lead(() => new Promise(() => {}));
  const ended = expect(job).rejects.toMatchObject({ code: 'group-deleted' });
  expect(first.groups()).toMatchObject([{ id, name: 'old', open: true }]);
  await second.deleteGroup('old');
  await ended;
  await until('no snapshots', () => snapshots().length === 0);
  for (const member of opened.members) {
    await until('no group', () => member.groups().length === 0);
    expect(member.engine.log.group(id)).toBeUndefined();
  }
  for (const group of groups) {
    await expect(group.propose(line)).rejects.toMatchObject({ code: 'group-deleted' });
    expect(() => group.status()).toThrow('deleted');
  }
  await expect(second.deleteGroup('old')).rejects.toMatchObject({ code: 'unknown-group' });
  const again = await opened.group('old', () => new Journal());
  expect(again[0]!.id).not.toBe(id);
  expect(await again[0]!.propose(line)).toBe(1);
});

test('a member that was away removes it when it is back; its store is not taken for another', async () => {
  const opened = await cluster();
  const [before] = await opened.group('kept', kept);
  await before!.commands.set(1);
  await opened.members[2]!.close();
  await opened.members[0]!.deleteGroup('kept');
  expect(filesOf(opened.members[0]!.dataDir, 'stores')).toEqual([]);
  await until('no group', () => opened.members[1]!.groups().length === 0);
  await until('no store', () => filesOf(opened.members[1]!.dataDir, 'stores').length === 0);
  const fresh = await Promise.all(
    opened.members.slice(0, 2).map((each) => each.group('kept', kept)),
  );
  await fresh[0]!.commands.set(2);
  const back = await opened.restart(2);
  // Who is still behind would find the old one, and be told that it was deleted.
  await until('the news', () => back.groups().some(({ id }) => id > before!.id));
  const group = await back.group('kept', kept);
  expect(await group.queries.get()).toBe(2);
  expect(back.engine.log.group(before!.id)).toBeUndefined();
});

test('the store goes also on a member that was away and never opens the name again', async () => {
  const opened = await cluster();
  const [before] = await opened.group('kept/1', kept);
  const [stays] = await opened.group('stays', kept);
  await before!.commands.set(1);
  await stays!.commands.set(1);
  const { dataDir } = opened.members[2]!;
  const stores = (): string[] => filesOf(dataDir, 'stores');
  await opened.members[2]!.close();
  expect(stores()).toEqual(['kept_2f1', 'stays']);
  await opened.members[0]!.deleteGroup('kept/1');
  const back = await opened.restart(2);
  await until('the store to go', () => stores().length === 1);
  expect(stores()).toEqual(['stays']);
  const again = await back.group('stays', kept);
  expect(await again.queries.get()).toBe(1);
});

test('names are checked', async () => {
  const opened = await testCluster({ members: 1 });
  ends.push(() => opened.close());
  const [member] = opened.members;
  for (const name of ['', 'a\nb', 'x'.repeat(257), '\ud800']) {
    const refused = { code: 'invalid-name' };
    await expect(member!.group(name, new Journal())).rejects.toMatchObject(refused);
    await expect(member!.deleteGroup(name)).rejects.toMatchObject(refused);
  }
});
