/** What all groups of a log share: the memory for entries, reading back, and news about them. */
import type { QuorateError } from '../../base/errors.ts';
import type { Entry } from '../../raft/entry.ts';
import type { DiskRequests } from './disk-requests.ts';
import { EntryCache } from './entry-cache.ts';
import type { GroupHost, GroupLog } from './group-log.ts';
import { ReadBack } from './read-back.ts';
import type { LogSettings } from './settings.ts';

export class LogHost implements GroupHost {
  readonly cache: EntryCache;
  readonly #readBack: ReadBack;
  /** Groups whose base has moved since it was written. */
  readonly rebased = new Set<GroupLog>();
  /** Why the log does nothing any more: the first thing that went wrong. */
  fault: QuorateError | undefined;

  constructor(disk: DiskRequests, settings: LogSettings) {
    this.cache = new EntryCache(settings.cacheBytesMax);
    this.#readBack = new ReadBack(disk, settings.readBackBytesMax, (error) => this.fail(error));
  }

  readBack(group: GroupLog, from: number): readonly Entry[] | undefined {
    return this.#readBack.find(group, from);
  }

  /** Groups for which entries have come since the last call. */
  takeFetched(): readonly GroupLog[] {
    return this.#readBack.takeFetched();
  }

  changed(group: GroupLog): void {
    this.rebased.add(group);
  }

  fail(error: QuorateError): void {
    this.fault ??= error;
  }
}
