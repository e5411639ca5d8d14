/** Backups of running members, and what is restored from them. */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import {
  backupDirectory,
  backupFile,
  type Member,
  openMember,
  restoreMember,
  type TestCluster,
  testCluster,
} from '../../src/index.ts';
import { silentLogger } from '../../src/ports/logger.ts';
import { Journal } from '../member/journal.ts';
import { until } from '../processes/waiting.ts';
import { keptLedger, laterLedger, ledger, other } from './machines.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function cluster(members = 3): Promise<TestCluster> {
  const settings = { snapshotAfterBytes: 20_000, keptEntries: 10 };
  const opened = await testCluster({ members, options: { settings, logger: silentLogger } });
  ends.push(() => opened.close());
  return opened;
}

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'quorate-backup-'));
  ends.push(async () => rmSync(made, { recursive: true, force: true }));
  return made;
}

async function open(dataDir: string, name = 'a'): Promise<Member> {
  const settings = { log: { segmentBytes: 65_536, batchBytesMax: 16_384, reserveBytes: 0 } };
  const member = await openMember({ name, dataDir, tickMs: 10, logger: silentLogger, settings });
  ends.push(() => member.close());
  return member;
}

const key = { idempotencyKey: 'the first' };

test('a member is backed up while it works, and restored as a new cluster', async () => {
  const trio = await cluster();
  const at = trio.members[1]!;
  const ledgers = await trio.group('ledger', ledger);
  const kepts = await trio.group('kept', keptLedger);
  await ledgers[0]!.commands.add('a', key);
  for (let n = 0; n < 60; n++)
    await Promise.all([ledgers[0]!.commands.add(`k${n % 7}`), kepts[1]!.commands.add('b')]);
  let busy = true;
  const load = (async () => {
    while (busy) await ledgers[2]!.commands.add('more');
  })();
  const file = backupFile(path.join(folder(), 'whole.backup'));
  const backup = at.backup();
  await file.write(backup);
  busy = false;
  await load;
  expect(backup.groups.map(({ name }) => name)).toEqual(['ledger', 'kept']);
  expect(statSync(file.path).mode & 0o777).toBe(0o600);
  await expect(file.write(at.backup())).rejects.toMatchObject({ code: 'file-exists' });
  const info = await file.inspect();
  expect(info).toMatchObject({ member: 'b', sha256: backup.sha256 });
  expect(info.groups[0]).toMatchObject({ name: 'ledger', machine: { kind: 'typed', version: 1 } });

  const dataDir = path.join(folder(), 'new');
  const report = await restoreMember({ from: file, name: 'z', dataDir });
  expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  expect(report.clusterId).not.toBe(info.clusterId);
  const again = restoreMember({ from: file, name: 'z', dataDir });
  await expect(again).rejects.toMatchObject({ code: 'file-exists' });
  const member = await open(dataDir, 'z');
  await expect(member.group('ledger', other)).rejects.toMatchObject({ code: 'wrong-machine' });
  const restored = await member.group('ledger', ledger);
  expect(restored.machine.hash()).toBe(info.groups[0]!.hash);
  expect(restored.machine.lastIndex).toBe(info.groups[0]!.index);
  // What took effect before the backup does not once more.
  expect(await restored.commands.add('a', key)).toBe(1n);
  expect(await restored.queries.get('a')).toBe(1n);
  const kept = await member.group('kept', keptLedger);
  expect(kept.machine.hash()).toBe(info.groups[1]!.hash);
  expect(await kept.commands.add('b')).toBe(61n);
  await member.close();
  const back = await open(dataDir, 'z');
  expect(await (await back.group('kept', keptLedger)).queries.get('b')).toBe(61n);
  expect(await (await back.group('ledger', ledger)).queries.get('k0')).toBe(9n);
});

test('a group is restored beside the one it is of, on all members, also as a later version', async () => {
  const trio = await cluster();
  const [first, second] = trio.members;
  const groups = await trio.group('ledger', ledger);
  for (let n = 0; n < 50; n++) await groups[0]!.commands.add('x', n === 0 ? key : {});
  const file = backupFile(path.join(folder(), 'one.backup'));
  const backup = await groups[2]!.backup();
  const { index, hash } = backup.groups[0]!;
  await groups[0]!.commands.add('x');
  await file.write(backup);

  const refusals = [
    [() => first!.restoreGroup('ledger', ledger, file), 'group-exists'],
    [() => first!.restoreGroup('new', other, file), 'wrong-machine'],
    [() => first!.restoreGroup('new', new Journal(), file), 'wrong-machine'],
    [() => first!.restoreGroup('new', ledger, file, { group: 'no' }), 'unknown-group'],
    [() => first!.restoreGroup('a\nb', ledger, file), 'invalid-name'],
  ] as const;
  for (const [refused, code] of refusals) await expect(refused()).rejects.toMatchObject({ code });
  expect(first!.groups().map(({ name }) => name)).toEqual(['ledger']);

  const restored = await first!.restoreGroup('new', ledger, file);
  expect(restored.machine.hash()).toBe(hash);
  expect(restored.machine.lastIndex).toBe(index);
  await until('the others to hear', () => second!.groups().length === 2);
  const elsewhere = await second!.group('new', ledger);
  expect(await elsewhere.queries.get('x')).toBe(50n);
  expect(await elsewhere.commands.add('x', key)).toBe(1n);
  expect(await elsewhere.commands.add('x')).toBe(51n);
  await until('both to vote', () => restored.status().configuration.voters.length >= 2);

  const later = await first!.restoreGroup('later', laterLedger, file);
  expect(await later.commands.add('x')).toBe(51n);
  await until('version 2', () => later.machine.activeVersion === 2);
  expect(await later.queries.doubled(undefined)).toBeGreaterThanOrEqual(100);
});

test('a restoring that was broken off is told by name, and can be begun anew', async () => {
  const { members } = await cluster(1);
  const [member] = members;
  const group = await member!.group('ledger', ledger);
  await group.commands.add('x');
  const file = backupFile(path.join(folder(), 'one.backup'));
  await file.write(await group.backup({ consistency: 'local' }));
  let reads = 0;
  const failing = {
    read() {
      reads++;
      if (reads > 1) throw Object.assign(new Error('gone'), { code: 'EIO' });
      return file.read();
    },
  };
  await expect(member!.restoreGroup('new', ledger, failing)).rejects.toThrow('gone');
  expect(member!.groups().map(({ name }) => name)).toEqual(['ledger']);
  const leftovers = readdirSync(`${member!.dataDir}/snapshots`).filter((name) => /tmp/.test(name));
  expect(leftovers).toEqual([]);
  const restored = await member!.restoreGroup('new', ledger, file);
  expect(await restored.queries.get('x')).toBe(1n);
});

test('a directory is backed up while its member rests, with what its log holds', async () => {
  const { members } = await cluster(1);
  const [member] = members;
  const inMemory = await member!.group('ledger', ledger);
  const kept = await member!.group('kept', keptLedger);
  await member!.group('empty', ledger);
  for (let n = 0; n < 120; n++) {
    await inMemory.commands.add(`k${n % 9}`, n === 0 ? key : {});
    await kept.commands.add('b');
  }
  const hashes = [inMemory.machine.hash(), kept.machine.hash()];
  const { dataDir } = member!;
  const file = backupFile(path.join(folder(), 'directory.backup'));
  const locked = file.write(backupDirectory({ dataDir }));
  await expect(locked).rejects.toMatchObject({ code: 'directory-locked' });
  expect(existsSync(file.path)).toBe(false);
  await member!.close();
  await file.write(backupDirectory({ dataDir }));
  const { groups } = await file.inspect();
  expect(groups.map(({ name }) => name)).toEqual(['ledger', 'kept', 'empty']);
  expect(groups[0]!.totals.entries).toBeGreaterThan(0);

  for (const n of [1, 2]) {
    const target = path.join(folder(), 'new');
    await restoreMember({
      from: file,
      name: 'z',
      dataDir: target,
      groups: n === 1 ? ['ledger', 'kept', 'empty'] : [{ from: 'kept', name: 'renamed' }],
    });
    const restored = await open(target, 'z');
    if (n === 1) {
      const ledgers = await restored.group('ledger', ledger);
      await ledgers.readIndex();
      expect(ledgers.machine.hash()).toBe(hashes[0]);
      expect(await ledgers.commands.add('k0', key)).toBe(1n);
      const nothing = await restored.group('empty', ledger);
      expect(await nothing.commands.add('x')).toBe(1n);
    }
    const again = await restored.group(n === 1 ? 'kept' : 'renamed', keptLedger);
    await again.readIndex();
    expect(again.machine.hash()).toBe(hashes[1]);
    expect(await again.commands.add('b')).toBe(121n);
    expect(restored.groups()).toHaveLength(n === 1 ? 3 : 1);
  }
});
