/**
 * The system fails a real process in the calls that its log is made of, by strace: it stops and says
 * why by name, the others go on, and it takes part again when it is started anew.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts, until } from '../processes/waiting.ts';
import { JournalProcess } from './journal-process.ts';

/** What a member writes and syncs with: batches and votes are written durably in one call. */
const writes = 'pwrite64,pwritev';
const syncs = 'fdatasync,fsync';

/** Each way to fail, from which call of a life on, and what the member may say of it. */
const failures: readonly (readonly [string, string, string, readonly string[]])[] = [
  ['writes', writes, 'error=EIO', ['disk-sync-failed', 'disk-failed']],
  ['writes', writes, 'error=ENOSPC', ['disk-full']],
  ['syncs', syncs, 'error=EIO', ['disk-sync-failed', 'disk-failed']],
  ['writes', writes, 'signal=SIGKILL', []],
  ['syncs', syncs, 'signal=SIGKILL', []],
];

/** The first ones meet the opening of the directory, the later ones the work. */
const writeCounts = [1, 2, 3, 6, 20, 60];
const syncCounts = [1, 2, 3];

const limitMs = 60_000;
const names = ['a', 'b', 'c'];
const victim = 'c';

function noStrace(): string | undefined {
  if (process.platform !== 'linux') return 'needs the strace of Linux';
  try {
    execFileSync('strace', ['-f', '-qq', '-o', '/dev/null', 'true'], { stdio: 'ignore' });
  } catch {
    return 'needs strace, and leave to trace a process';
  }
  return undefined;
}

describe('a member whose calls of the system fail', () => {
  const reason = noStrace();
  let root: string;
  let peers: string;
  const members = new Map<string, JournalProcess>();

  function start(name: string, under: readonly string[] = [], repair = false): JournalProcess {
    const member = new JournalProcess({
      name,
      directory: path.join(root, name),
      peers,
      under,
      repair,
    });
    members.set(name, member);
    return member;
  }

  /** Words that the healthy ones have got acknowledged. */
  function acknowledged(): string[] {
    return ['a', 'b'].flatMap((name) => members.get(name)!.acknowledged);
  }

  beforeAll(async () => {
    if (reason !== undefined) return;
    root = mkdtempSync(path.join(tmpdir(), 'quorate-calls-'));
    const ports = await freePorts(names.length);
    peers = names.map((name, i) => `${name}=127.0.0.1:${ports[i]}`).join(',');
    for (const name of names) start(name);
    await until(
      'all to be ready',
      () => [...members.values()].every(({ ready }) => ready),
      limitMs,
    );
  }, 2 * limitMs);

  afterAll(async () => {
    for (const member of members.values()) await member.kill();
    if (root !== undefined) rmSync(root, { recursive: true, force: true });
  });

  it.for(failures)(
    '%s (%s) by %s: it stops by name, the others go on, and it comes back',
    { timeout: 8 * limitMs },
    async ([what, calls, how, codes], context) => {
      context.skip(reason !== undefined, reason);
      const counts = what === 'writes' ? writeCounts : syncCounts;
      for (const count of counts) {
        await members.get(victim)!.kill();
        // A full disk stays full; anything else happens once.
        const when = how.endsWith('ENOSPC') ? `${count}+` : `${count}`;
        const under = ['strace', '-f', '-qq', '-o', '/dev/null'];
        under.push('-e', `trace=${calls}`, '-e', `inject=${calls}:${how}:when=${when}`);
        const failing = start(victim, under);
        await until(`${victim} to end, ${how} at ${when}`, () => !failing.running, limitMs);
        if (codes.length > 0) expect(codes, failing.log).toContain(failing.endedWith);
        else expect(failing.endedWith).toBeUndefined();
        const before = acknowledged().length;
        await until('the others to go on', () => acknowledged().length > before + 20, limitMs);
        const again = start(victim);
        await until(
          `${victim} to be back`,
          () => {
            if (!again.running) throw new Error(again.log);
            return again.ready;
          },
          limitMs,
        );
        const words = [...failing.acknowledged, ...acknowledged().slice(before)];
        expect(await again.lacking(words, limitMs)).toBe('');
      }
    },
  );

  it('a log that was damaged on disk: refused by name, and repaired when told to', async (context) => {
    context.skip(reason !== undefined, reason);
    await members.get(victim)!.kill();
    const directory = path.join(root, victim, 'log');
    const segment = readdirSync(directory)
      .filter((name) => name.endsWith('.log'))
      .sort()[0]!;
    const file = path.join(directory, segment);
    const content = readFileSync(file);
    // In the midst of the first batches, which all others vouch for.
    content[4096 + 200]! ^= 4;
    writeFileSync(file, content);
    const refused = start(victim);
    await until('it to refuse', () => !refused.running, limitMs);
    expect(refused.endedWith).toBe('log-damaged');
    const before = acknowledged().length;
    const repaired = start(victim, [], true);
    await until('it to be back', () => repaired.ready, limitMs);
    await until('it to take part', () => repaired.acknowledged.length > 20, limitMs);
    expect(await repaired.lacking(acknowledged().slice(before), limitMs)).toBe('');
  });
});
