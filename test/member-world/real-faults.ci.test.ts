/**
 * Faults that no simulation stands between: errors that strace puts into the calls of a real
 * process, and the loss of power for three members at once, on a file system of their own that is
 * shut down under them.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort, KvProcess, until } from './kv-process.ts';

const isRoot = process.getuid?.() === 0;
const has = (command: string): boolean => spawnSync('which', [command]).status === 0;

/** Why something cannot be tried here, or undefined. */
const noStrace = has('strace') ? undefined : 'strace is missing';
const noLoop = !isRoot
  ? 'needs root for a loop device'
  : !existsSync('/dev/loop-control')
    ? 'there are no loop devices'
    : ['losetup', 'mkfs.ext4', 'python3'].every(has)
      ? undefined
      : 'losetup, mkfs.ext4 or python3 is missing';

const names = ['a', 'b', 'c'] as const;

/** Three members on real disks; each can be started again where it was. */
class Trio {
  readonly #directory: string;
  readonly #ports: readonly { raft: number; api: number }[];
  readonly members: KvProcess[] = [];

  constructor(directory: string, ports: readonly { raft: number; api: number }[]) {
    this.#directory = directory;
    this.#ports = ports;
  }

  static async in(directory: string): Promise<Trio> {
    const ports: { raft: number; api: number }[] = [];
    for (const _ of names) ports.push({ raft: await freePort(), api: await freePort() });
    return new Trio(directory, ports);
  }

  start(at: number, under?: readonly string[]): KvProcess {
    const { raft, api } = this.#ports[at]!;
    const settings = {
      raftPort: raft,
      apiPort: api,
      joinPort: this.#ports[0]!.raft,
      stateDir: path.join(this.#directory, names[at]!),
    };
    const member = new KvProcess(under === undefined ? settings : { ...settings, under });
    this.members[at] = member;
    return member;
  }

  /** Founds with the first and lets the others join, or starts all again. */
  async startAll(): Promise<void> {
    const first = await this.start(0);
    if (!existsSync(path.join(this.#directory, names[1], 'identity'))) await first.ready();
    this.start(1);
    this.start(2);
    await Promise.all(this.members.map((member) => member.ready()));
  }

  /** Writes to all members at once until told to stop; what was acknowledged is noted. */
  load(acknowledged: Map<string, string>, prefix: string): () => Promise<void> {
    let active = true;
    let next = 0;
    const clients = [0, 1, 2, 0, 1, 2].map(async (at) => {
      while (active) {
        const key = `${prefix}-${next++}`;
        const done = await this.members[at]!.put(key, `value of ${key}`);
        if (done) acknowledged.set(key, `value of ${key}`);
        else await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    return async () => {
      active = false;
      await Promise.all(clients);
    };
  }

  async kill(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
  }

  /** What the members say, for failed tests. */
  describe(): string {
    return this.members.map(({ url, log }) => `${url}\n${log}`).join('\n');
  }
}

/** Every acknowledged write is there, asked of the members in turn. */
async function expectAll(members: readonly KvProcess[], acknowledged: ReadonlyMap<string, string>) {
  await until('a leader', async () => (await members[0]!.put('settled', '1')) === true);
  const entries = [...acknowledged];
  for (let from = 0; from < entries.length; from += 64) {
    const part = entries.slice(from, from + 64);
    const values = await Promise.all(
      part.map(async ([key], at) => {
        let value = await members[at % members.length]!.get(key);
        // A member that has just started may not know the leader yet; a lost key stays lost.
        if (value === undefined) value = await members[(at + 1) % members.length]!.get(key);
        return value;
      }),
    );
    expect(values).toEqual(part.map(([, value]) => value));
  }
}

let directory = '';
let trio: Trio | undefined;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'quorate-faults-'));
});

afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.log(trio?.describe());
  await trio?.kill();
  trio = undefined;
  rmSync(directory, { recursive: true, force: true });
});

const injections = [
  ['pwrite64,pwritev,pwritev2', 'EIO', 1],
  ['pwrite64,pwritev,pwritev2', 'EIO', 7],
  ['pwrite64,pwritev,pwritev2', 'EIO', 60],
  ['pwrite64,pwritev,pwritev2', 'ENOSPC', 25],
  ['fdatasync,fsync', 'EIO', 1],
] as const;

describe.skipIf(noStrace !== undefined)(`errors from the kernel${noStrace ?? ''}`, () => {
  it('stop a member by name, and the others go on', { timeout: 240_000 }, async () => {
    trio = await Trio.in(directory);
    await trio.startAll();
    const acknowledged = new Map<string, string>();
    for (const [calls, error, when] of injections) {
      await trio.members[2]!.kill();
      const inject = `inject=${calls}:error=${error}:when=${when}`;
      const strace = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${calls}`];
      const victim = trio.start(2, [...strace, '-e', inject]);
      const stop = trio.load(acknowledged, `${error}-${when}`);
      await until(`an end by ${inject}`, () => victim.ended, 90_000);
      expect(victim.exitCode).not.toBe(0);
      expect(victim.log).toMatch(/disk-failed|disk-sync-failed|disk-full|failed on|EIO|ENOSPC/);
      const before = acknowledged.size;
      await until('the others go on', () => acknowledged.size > before + 20);
      await stop();
      await trio.start(2).ready();
      await until('it takes part again', () => trio!.members[2]!.put('again', `${when}`));
      await expectAll(trio.members, acknowledged);
    }
  });
});

const tries = 100;
const triesMsMax = 330_000;
const imageBytes = 1_500 * 2 ** 20;

describe.skipIf(noLoop !== undefined)(`power lost at all members${noLoop ?? ''}`, () => {
  it('costs nothing acknowledged', { timeout: 420_000 }, async () => {
    const image = path.join(directory, 'image');
    const mountPoint = path.join(directory, 'disk');
    execFileSync('truncate', ['-s', `${imageBytes}`, image]);
    execFileSync('mkfs.ext4', ['-q', '-F', image]);
    execFileSync('mkdir', [mountPoint]);
    const device = execFileSync('losetup', ['-f', '--show', image]).toString().trim();
    try {
      execFileSync('mount', [device, mountPoint]);
      trio = await Trio.in(mountPoint);
      const acknowledged = new Map<string, string>();
      const endMs = Date.now() + triesMsMax;
      let lost = 0;
      await trio.startAll();
      for (; lost < tries && Date.now() < endMs; lost++) {
        const fresh = new Map<string, string>();
        const stop = trio.load(fresh, `try-${lost}`);
        const wanted = 1 + Math.floor(60 * Math.random());
        await until('some writes', () => fresh.size >= wanted);
        losePower(mountPoint);
        await trio.kill();
        await stop();
        execFileSync('umount', [mountPoint]);
        execFileSync('mount', [device, mountPoint]);
        await trio.startAll();
        await expectAll(trio.members, fresh);
        for (const [key, value] of fresh) acknowledged.set(key, value);
      }
      await expectAll(trio.members, acknowledged);
      console.log(`power was lost ${lost} times, ${acknowledged.size} writes are there`);
      expect(lost).toBeGreaterThan(10);
    } finally {
      await trio?.kill();
      spawnSync('umount', ['-l', mountPoint]);
      spawnSync('losetup', ['-d', device]);
    }
  });
});

/** Shuts a file system down without writing anything more: EXT4_IOC_SHUTDOWN, no log flush. */
function losePower(mountPoint: string): void {
  const script = `
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))`;
  execFileSync('python3', ['-c', script, mountPoint]);
}
