/** Backups and exports through the command and through clients; new clusters of several members. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { backupCommand } from '../../src/cli/backup.ts';
import { exportCommand } from '../../src/cli/export.ts';
import { restoreCommand } from '../../src/cli/restore.ts';
import { connect } from '../../src/client.ts';
import {
  exportBackup,
  type Logger,
  type Member,
  type MemberOptions,
  openMember,
  testCluster,
} from '../../src/index.ts';
import { freePorts, until } from '../processes/waiting.ts';
import { keptLedger, ledger } from './machines.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const end of ends.splice(0).reverse()) await end();
});

const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
};

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'quorate-backup-'));
  ends.push(async () => rmSync(made, { recursive: true, force: true }));
  return made;
}

async function open(options: MemberOptions): Promise<Member> {
  const settings = { log: { segmentBytes: 65_536, batchBytesMax: 16_384, reserveBytes: 0 } };
  const member = await openMember({ tickMs: 10, logger: silent, settings, ...options });
  ends.push(() => member.close());
  return member;
}

const addressOf = ({ address }: Member): string => `${address.host}:${address.port}`;

/** Runs a command; what it printed, on either output, and its exit code. */
async function run(command: (args: readonly string[]) => Promise<number>, ...args: string[]) {
  const lines: string[] = [];
  const note = (line: unknown): boolean => {
    lines.push(String(line).trimEnd());
    return true;
  };
  vi.spyOn(console, 'log').mockImplementation(note);
  vi.spyOn(console, 'error').mockImplementation(note);
  vi.spyOn(process.stdout, 'write').mockImplementation(note);
  const code = await command(args);
  vi.restoreAllMocks();
  return { code, lines, text: lines.join('\n') };
}

test('the command backs up, checks, exports and restores', async () => {
  const place = folder();
  const secretFile = path.join(place, 'secret');
  writeFileSync(secretFile, 'hush\n');
  const dataDir = path.join(place, 'a');
  const member = await open({ name: 'a', dataDir, secret: 'hush' });
  const group = await member.group('ledger', ledger);
  await (await member.group('kept', keptLedger)).commands.add('b');
  for (let n = 0; n < 3; n++) await group.commands.add('x');
  const at = ['-member', addressOf(member), '-secret-file', secretFile];
  const file = path.join(place, 'f.backup');
  const made = await run(backupCommand, ...at, '-out', file, '-json');
  expect(made.code).toBe(0);
  const info = JSON.parse(made.text);
  expect(info).toMatchObject({ member: 'a', missing: [] });
  expect(info.groups.map(({ name }: { name: string }) => name)).toEqual(['ledger', 'kept']);
  const checked = await run(backupCommand, '-check', file);
  expect(checked.text).toMatch(/group ledger at index \d+, term \d+ \(typed, version 1\)/);

  const { index } = info.groups[0];
  const live = await run(exportCommand, ...at, '-group', 'ledger', '-at', `${index}`);
  const out = path.join(place, 'lines');
  await run(exportCommand, '-in', file, '-group', 'ledger', '-out', out);
  expect(readFileSync(out, 'utf8').trimEnd().split('\n')).toEqual(live.lines);
  expect(live.lines).toHaveLength(12);
  const [head, ...lines] = live.lines.map((line) => JSON.parse(line));
  expect(head).toMatchObject({ quorate: 'export', group: 'ledger', index, version: 1 });
  expect(head.parts).toMatchObject({ counts: 'map', queue: 'list', title: 'value' });
  expect(lines).toContainEqual({ part: 'counts', key: 'x', value: { $bigint: '3' } });
  expect(lines).toContainEqual({ part: 'names', key: 'x' });
  expect(lines).toContainEqual({ part: 'queue', value: { $bytes: 'eA==' } });
  expect(lines).toContainEqual({ part: 'total', value: 3 });
  expect(lines).toContainEqual({ part: 'title', value: 'x' });
  expect(lines).toContainEqual({
    part: 'byTime',
    key: [0, 'x'],
    value: { $date: expect.stringMatching(/^20/) },
  });
  expect(lines.at(-1)).toEqual({ end: true, entries: 10, hash: group.machine.hash() });

  const locked = run(backupCommand, '-data', dataDir, '-out', path.join(place, 'no'));
  await expect(locked).rejects.toMatchObject({
    code: 'directory-locked',
    message: expect.stringContaining('-member'),
  });
  const stranger = run(backupCommand, '-member', addressOf(member), '-out', path.join(place, 'no'));
  await expect(stranger).rejects.toThrow(/wrong-secret|secret/);

  const target = path.join(place, 'new');
  const restored = await run(
    restoreCommand,
    file,
    '-data',
    target,
    '-name',
    'z',
    '-group',
    'kept=own',
  );
  expect(restored.text).toMatch(/group own, which was kept, at index/);
  const anew = run(restoreCommand, file, '-data', target, '-name', 'z');
  await expect(anew).rejects.toMatchObject({ code: 'file-exists' });
  const back = await open({ name: 'z', dataDir: target });
  expect(await (await back.group('own', keptLedger)).queries.get('b')).toBe(1n);
  const damaged = readFileSync(file);
  damaged[damaged.length >> 1]! ^= 4;
  writeFileSync(file, damaged);
  const no = path.join(place, 'no');
  await expect(run(restoreCommand, file, '-data', no, '-name', 'z')).rejects.toMatchObject({
    code: 'backup-damaged',
  });
  expect(() => readFileSync(no)).toThrow('ENOENT');
  for (const command of [backupCommand, restoreCommand, exportCommand]) {
    expect((await run(command)).code).toBe(2);
  }
});

test('three members restore the same backup as one new cluster; the old ones are strangers', async () => {
  const place = folder();
  const solo = await testCluster({ members: 1, options: { logger: silent } });
  ends.push(() => solo.close());
  const [old] = solo.members;
  const group = await old!.group('ledger', ledger);
  const kept = await old!.group('kept', keptLedger);
  for (let n = 0; n < 20; n++) await Promise.all([group.commands.add('x'), kept.commands.add('y')]);
  const file = path.join(place, 'f.backup');
  await run(backupCommand, '-member', addressOf(old!), '-out', file);
  const ports = await freePorts(3);
  const names = ['p', 'q', 'r'];
  const peers = names.flatMap((name, i) => ['-peer', `${name}=127.0.0.1:${ports[i]}`]);
  const members = await Promise.all(
    names.map(async (name, i) => {
      const dataDir = path.join(place, name);
      await run(restoreCommand, file, '-data', dataDir, '-name', name, ...peers);
      return open({ name, dataDir, listen: `127.0.0.1:${ports[i]}` });
    }),
  );
  const groups = await Promise.all(members.map((each) => each.group('ledger', ledger)));
  const kepts = await Promise.all(members.map((each) => each.group('kept', keptLedger)));
  expect(await groups[1]!.commands.add('x')).toBe(21n);
  expect(await kepts[2]!.commands.add('y')).toBe(21n);
  await Promise.all(groups.map((each) => each.readIndex()));
  const hashes = groups.map((each) => each.machine.hash());
  expect(new Set(hashes).size).toBe(1);
  expect(members[0]!.engine.clusterId).not.toBe(old!.engine.clusterId);

  // Who comes later is sent the state, too.
  const late = await open({
    name: 'late',
    dataDir: path.join(place, 'late'),
    join: [`127.0.0.1:${ports[0]}`],
  });
  const fourth = await late.group('ledger', ledger, { timeoutMs: 20_000 });
  expect(await fourth.queries.get('x', { timeoutMs: 20_000 })).toBe(21n);
});

test('an export waits for its index, and a client takes one without the definition', async () => {
  const trio = await testCluster({ options: { logger: silent } });
  ends.push(() => trio.close());
  const groups = await trio.group('ledger', ledger);
  await groups[0]!.commands.add('x');
  const { applied } = groups[0]!.status();
  let taken: number | undefined;
  const waiting = groups[2]!.export({ at: applied + 3, consistency: 'local' });
  void waiting.then(({ index }) => {
    taken = index;
  });
  await groups[0]!.commands.add('x');
  expect(taken).toBeUndefined();
  for (let n = 0; n < 5; n++) await groups[0]!.commands.add('x');
  const exported = await waiting;
  expect(exported.index).toBeGreaterThanOrEqual(applied + 3);
  exported.close();
  const late = groups[1]!.export({ at: applied + 1000, timeoutMs: 50 });
  await expect(late).rejects.toMatchObject({ code: 'timeout' });

  const client = connect({ endpoints: [addressOf(trio.members[1]!)], logger: silent });
  ends.push(() => client.close());
  const lines: string[] = [];
  for await (const line of exportBackup(await client.backup({ groups: ['ledger'] }))) {
    lines.push(line);
  }
  expect(JSON.parse(lines.at(-1)!)).toMatchObject({ end: true });
  await expect(client.backup({ groups: ['no'] })).rejects.toMatchObject({ code: 'unknown-group' });

  const held = await groups[1]!.backup();
  const walk = held[Symbol.asyncIterator]();
  await walk.next();
  await trio.members[1]!.deleteGroup('ledger');
  await until('the group to go', () => trio.members[1]!.groups().length === 0);
  const rest = (async () => {
    for (let step = await walk.next(); step.done !== true; step = await walk.next());
  })();
  await expect(rest).rejects.toMatchObject({ code: 'group-deleted' });
});
