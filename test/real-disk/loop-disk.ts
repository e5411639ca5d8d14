/**
 * An ext4 of its own on a loop device, whose power can be cut: the system's `shutdown` of a file
 * system without flushing its journal, after which what was not synced is gone. Needs root on Linux.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from '../processes/waiting.ts';

const sizeBytes = 256 * 2 ** 20;
/** Others on the machine may have to end first. */
const letGoMsMax = 60_000;
/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH. */
const shutdown = [
  'import fcntl, os, struct, sys',
  'fd = os.open(sys.argv[1], os.O_RDONLY)',
  'fcntl.ioctl(fd, 0x8004587d, struct.pack("I", 2))',
].join('\n');

/** Why there can be no such disk here; undefined where there can. */
export function noLoopDisk(): string | undefined {
  if (process.platform !== 'linux') return 'needs the loop devices of Linux';
  if (process.getuid?.() !== 0) return 'needs root, to mount a file system';
  if (!existsSync('/dev/loop-control')) return 'needs loop devices';
  try {
    execFileSync('sh', ['-c', 'command -v mkfs.ext4 mount umount losetup python3'], {
      stdio: 'ignore',
    });
  } catch {
    return 'needs mkfs.ext4, mount, losetup and python3';
  }
  try {
    new LoopDisk().remove();
  } catch (error) {
    return `this machine mounts no loop device: ${(error as Error).message.split('\n')[0]}`;
  }
  return undefined;
}

export class LoopDisk {
  readonly directory: string;
  readonly #root: string;
  readonly #image: string;
  #device = '';

  constructor() {
    // In memory where there is some: what is tested is what the file system loses.
    const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
    this.#root = mkdtempSync(path.join(base, 'quorate-disk-'));
    this.#image = path.join(this.#root, 'image');
    this.directory = path.join(this.#root, 'mounted');
    try {
      writeFileSync(this.#image, '');
      truncateSync(this.#image, sizeBytes);
      run('mkfs.ext4', '-q', '-F', this.#image);
      mkdirSync(this.directory);
      this.#device = run('losetup', '--find', '--show', this.#image).trim();
      this.#mount();
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  #mount(): void {
    run('mount', '-t', 'ext4', this.#device, this.directory);
  }

  /** The power goes: nothing more reaches the disk, and what was not synced is lost. */
  losePower(): void {
    run('python3', '-c', shutdown, this.directory);
  }

  /** The machine comes back; nobody may use the disk. */
  async remount(): Promise<void> {
    await until('the disk to be let go', () => this.#unmounted() && !this.#isInUse(), letGoMsMax);
    this.#mount();
  }

  remove(): void {
    this.#unmounted();
    if (this.#device !== '') run('losetup', '--detach', this.#device);
    rmSync(this.#root, { recursive: true, force: true });
  }

  /**
   * A process with mounts of its own, begun meanwhile, has this one as well for as long as it runs:
   * mounted once more, the disk would still be the one without power.
   */
  #isInUse(): boolean {
    return existsSync(`/sys/fs/ext4/${path.basename(this.#device)}`);
  }

  #unmounted(): boolean {
    try {
      run('umount', this.directory);
      return true;
    } catch (error) {
      return (error as Error).message.includes('not mounted');
    }
  }
}

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
