/**
 * What operating systems do differently, as data in one place, so that nothing else asks which one
 * it runs on. Only Linux's row is tested on every change; a workflow runs the suites on the others.
 */
import { constants } from 'node:fs';

/** The differences that matter to files and locks. */
export interface SystemProfile {
  /**
   * Whether a directory can be opened and synced. Windows cannot; NTFS journals names in order, and
   * syncing any file forces the journal.
   */
  readonly syncsDirectories: boolean;
  /**
   * The flag that makes a write durable before it returns, saving a system call and a thread's round
   * trip, or `null`. macOS and Windows know such a flag, but do not empty the drive's cache for
   * it as their fsync (F_FULLFSYNC, FlushFileBuffers) does.
   */
  readonly durableWriteFlag: number | null;
  /**
   * Flags that open a file only if no other process has it open so, held by the kernel until the
   * file is closed, or `null` where open has none. macOS: O_EXLOCK with O_NONBLOCK, a flock.
   * Windows: libuv's UV_FS_O_EXLOCK, which shares the file with nobody.
   */
  readonly exclusiveOpenFlags: number | null;
  /**
   * For how long a rename is tried again that was refused because the file is in use: on Windows
   * a virus scanner or an indexer opens new files for a moment.
   */
  readonly renameRetryMsMax: number;
  /** Errors that mean "in use" here, though elsewhere they speak of permissions. */
  readonly inUseErrors: readonly string[];
}

const posix: SystemProfile = {
  syncsDirectories: true,
  durableWriteFlag: null,
  exclusiveOpenFlags: null,
  renameRetryMsMax: 0,
  inUseErrors: ['EBUSY', 'ETXTBSY'],
};

const linux: SystemProfile = { ...posix, durableWriteFlag: constants.O_DSYNC };
const macos: SystemProfile = { ...posix, exclusiveOpenFlags: 0x20 | 0x4 };
const windows: SystemProfile = {
  syncsDirectories: false,
  durableWriteFlag: null,
  exclusiveOpenFlags: 0x10000000,
  renameRetryMsMax: 2_000,
  inUseErrors: ['EBUSY', 'EPERM', 'EACCES'],
};

/** The profile of a platform, by Node's name of it; this process's by default. */
export function systemProfile(platform: NodeJS.Platform = process.platform): SystemProfile {
  switch (platform) {
    case 'win32':
      return windows;
    case 'darwin':
    case 'freebsd':
      return macos;
    case 'linux':
    case 'android':
      return linux;
    default:
      return posix;
  }
}
