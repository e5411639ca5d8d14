/**
 * From what lies in the directory to a log that may be written on, or a refusal that names a file
 * and a place in it. The rules:
 *
 * 1. What is intact is kept: batches are taken as long as each is whole and has the next number.
 * 2. Where that ends, everything behind is searched for heads that are whole. If none says that the
 *    missing batch was synced, it was on its way when the member stopped: nobody heard of it. It
 *    is torn, and cut: overwritten with zeros, durably, before anything new is written.
 * 3. If something says so (a later batch, a seal, a vote slot), what is missing was promised:
 *    `log-damaged`. The same for votes that a batch rests on: `vote-damaged`.
 * 4. A last batch that nothing vouches for is written once more, for an earlier process may have
 *    died of a failed sync, after which what is read is not what the disk holds. The votes are
 *    written anew, and a first batch that vouches for all of it, before the log is handed out.
 *
 * **Repair** (only where the member's peers can give back what is lost): the log is cut at the
 * damage, and every group is suspect from then on: it must neither vote nor count until it has
 * caught up. That is written with the votes before anything is cut, and survives restarts.
 */
import { QuorateError } from '../../base/errors.ts';
import { batchBytes } from './batch-format.ts';
import { damaged, voteDamaged } from './damage.ts';
import type { DiskTask } from './disk-operation.ts';
import type { DiskRequests } from './disk-requests.ts';
import { type FoundFile, type FoundLog, findLog } from './found-log.ts';
import type { Identity } from './identity.ts';
import { LogHost } from './log-host.ts';
import { MemberLog } from './member-log.ts';
import { mergedVotes } from './merged-votes.ts';
import { RecoveredGroups } from './recovered-groups.ts';
import { carryOut, planCut, planStartOver } from './repair.ts';
import {
  blockBytes,
  logDirectory,
  segmentHeaderBytes,
  segmentPath,
  segmentSeed,
} from './segment-format.ts';
import { type Chain, type ScanEnd, scanSegment } from './segment-scan.ts';
import type { ChainStart } from './segments.ts';
import type { LogSettings } from './settings.ts';
import { VoteFile } from './vote-file.ts';
import { zeroTasks } from './zeros.ts';

/** What was found and done when the log was opened. */
export interface RecoveryReport {
  readonly segments: number;
  readonly batches: number;
  readonly entries: number;
  readonly bytes: number;
  /** Where a torn batch was cut off, if one was. */
  readonly cut: { readonly path: string; readonly offset: number } | undefined;
  /** What was damaged; only with repair is there a log all the same. */
  readonly damage: QuorateError | undefined;
}

export interface RecoveredLog {
  readonly log: MemberLog;
  readonly report: RecoveryReport;
}

export type RecoveryAnswer = (result: RecoveredLog | QuorateError) => void;

/** Recovers the log of the directory that `identity` belongs to. */
export function recoverLog(
  disk: DiskRequests,
  parts: { readonly identity: Identity; readonly settings: LogSettings },
  answer: RecoveryAnswer,
): void {
  findLog(disk, parts, (found) => {
    if (found instanceof QuorateError) answer(found);
    else new Recovery(disk, parts, found, answer).scan(0);
  });
}

/** A place where the chain of batches ends. */
interface End extends ScanEnd {
  readonly file: FoundFile;
}

/** What is said of the groups in the votes. */
interface VoteMarks {
  readonly suspect: boolean;
  readonly voteLost: boolean;
  /** Groups that nothing is known of are suspect as well. */
  readonly unknown: boolean;
}

class Recovery {
  readonly #disk: DiskRequests;
  readonly #identity: Identity;
  readonly #settings: LogSettings;
  readonly #found: FoundLog;
  readonly #answer: RecoveryAnswer;
  readonly #host: LogHost;
  readonly #groups: RecoveredGroups;
  readonly #chain: Chain;
  /** Where the chain ends, and what is at the beginning of the segment behind. */
  #end: End | undefined;
  #behind: End | undefined;
  #cut: RecoveryReport['cut'];
  #damage: QuorateError | undefined;

  constructor(
    disk: DiskRequests,
    parts: { readonly identity: Identity; readonly settings: LogSettings },
    found: FoundLog,
    answer: RecoveryAnswer,
  ) {
    this.#disk = disk;
    this.#identity = parts.identity;
    this.#settings = parts.settings;
    this.#found = found;
    this.#answer = answer;
    this.#host = new LogHost(disk, parts.settings);
    this.#groups = new RecoveredGroups(this.#host);
    this.#chain = {
      next: found.files[0]?.header?.firstNumber || undefined,
      last: undefined,
      oldestSegment: 0,
      syncedThrough: found.votes?.logSyncedThrough ?? 0,
      voteSequence: 0,
      batches: 0,
      bytes: 0,
    };
  }

  /** Reads segment `at` and those behind it. */
  scan(at: number): void {
    const file = this.#found.files[at];
    if (file === undefined) return this.#decide();
    const { sequence, sizeBytes, path } = file;
    const seed = segmentSeed(this.#identity, sequence);
    this.#groups.beginSegment({ sequence, sizeBytes, lastOf: new Map() });
    const state = { chain: this.#chain, groups: this.#groups };
    scanSegment(this.#disk, { path, sizeBytes, seed }, state, (end) => {
      if (end instanceof QuorateError) {
        if (end.code !== 'log-damaged') return this.#answer(end);
        // A contradiction inside of what is whole: nothing behind it can be believed.
        return this.#refuse(end, undefined);
      }
      if (this.#end === undefined || end.batches > 0) {
        this.#end = { ...end, file };
        this.#behind = undefined;
      } else {
        this.#behind ??= { ...end, file };
      }
      this.scan(at + 1);
    });
  }

  #decide(): void {
    const { files } = this.#found;
    const chain = this.#chain;
    const end = this.#end;
    const first = files[0];
    if (first === undefined || end === undefined) {
      return this.#refuse(damaged(logDirectory, 0, 'there is no segment'), undefined);
    }
    if (chain.next === undefined) {
      const before = segmentPath(first.sequence - 1);
      if (this.#found.leftovers.some((path) => path.endsWith('.log'))) {
        return this.#refuse(damaged(before, 0, 'the segment is missing'), undefined);
      }
      const what = 'its first batch, which says how the log stood, is not whole';
      return this.#refuse(damaged(first.path, segmentHeaderBytes, what), undefined);
    }
    if (chain.batches > 0 && chain.oldestSegment < first.sequence) {
      const missing = segmentPath(chain.oldestSegment);
      return this.#refuse(damaged(missing, 0, 'the segment is missing'), undefined);
    }
    if (chain.syncedThrough >= chain.next) {
      const what = `batch ${chain.next} was synced and is not whole`;
      const { file, position } = this.#missingAt(end);
      return this.#refuse(damaged(file.path, position, what), end);
    }
    const wrong = files.find((file, at) => file.wrong !== undefined && !this.#isUnused(at));
    if (wrong !== undefined) {
      return this.#refuse(damaged(wrong.path, wrong.wrong!.offset, wrong.wrong!.what), end);
    }
    const lacking = this.#groups.finish();
    if (lacking.length > 0) {
      const what = `entries of group ${lacking[0]!.id} before it are missing`;
      return this.#refuse(damaged(first.path, segmentHeaderBytes, what), end);
    }
    this.#mend(end);
  }

  /** The segment behind the last one in use: whatever is wrong with it, nothing was in it. */
  #isUnused(at: number): boolean {
    return this.#behind?.file === this.#found.files[at] && !this.#behind!.anything;
  }

  /** Where the batch that is missing should be. */
  #missingAt(end: End): End {
    const behind = this.#behind;
    if (behind === undefined) return end;
    if (behind.head?.number === this.#chain.next) return behind;
    return !end.dirty && behind.dirty && behind.anything ? behind : end;
  }

  /** Nothing that was promised is missing: cuts what is torn, and writes the last batch again. */
  #mend(end: End): void {
    const tasks: DiskTask[] = [];
    const behind = this.#behind;
    if (end.dirty) this.#zero(end, tasks);
    if (behind !== undefined && behind.head?.number === this.#chain.next) this.#zero(behind, tasks);
    const { files, leftovers } = this.#found;
    const next = files.find(({ sequence }) => sequence === end.file.sequence + 1);
    const unused = files.filter(({ sequence }) => sequence > end.file.sequence);
    const usable = next !== undefined && next.wrong === undefined && unused.length === 1;
    const useless = usable ? [] : unused.map(({ path }) => path);
    for (const path of [...useless.reverse(), ...leftovers]) tasks.push({ type: 'remove', path });
    tasks.push({ type: 'sync-directory', path: logDirectory });
    this.#rewriteLast(() => {
      this.#disk.inOrder(tasks, (error) => {
        if (error !== null) return this.#answer(error);
        this.#open(end, usable);
      });
    });
  }

  /** Overwrites a batch that does not count, as far as it says that it reaches. */
  #zero({ file, position, head }: End, tasks: DiskTask[]): void {
    if (head !== undefined) this.#cut = { path: file.path, offset: position };
    const reach = head === undefined ? blockBytes : batchBytes(head);
    tasks.push(...zeroTasks(file.path, position, Math.min(position + reach, file.sizeBytes)));
  }

  #rewriteLast(then: () => void): void {
    const { last, next, syncedThrough } = this.#chain;
    if (last === undefined || syncedThrough >= next! - 1) return then();
    const { path, position, bytes: lengthBytes } = last;
    this.#disk.bytes({ type: 'read', path, position, lengthBytes }, (bytes) => {
      if (bytes instanceof QuorateError) return this.#answer(bytes);
      const write = { type: 'write' as const, path, position, buffers: [bytes], sync: true };
      this.#disk.run(write, (error) => {
        if (error === null) then();
        else this.#answer(error);
      });
    });
  }

  #open(end: End, nextReady: boolean): void {
    const { votes: table, spares } = this.#found;
    if (table === undefined || table.sequence < this.#chain.voteSequence) {
      const what =
        table === undefined
          ? 'neither slot is whole'
          : `version ${this.#chain.voteSequence} was synced, and only ${table.sequence} is whole`;
      if (!this.#settings.repair) return this.#answer(voteDamaged(what));
      // The log is whole, and every vote that was heard of stands in it as well.
      this.#damage = voteDamaged(what);
    }
    const live = this.#groups.segments.filter(({ sequence }) => sequence <= end.file.sequence);
    const { position } = end;
    const votes = this.#votes({ suspect: false, voteLost: false, unknown: false });
    this.#start(votes, { live, position, nextReady, spares: [...spares] });
  }

  #votes(marks: VoteMarks): VoteFile {
    const { votes: table } = this.#found;
    const sequence = Math.max(table?.sequence ?? 0, this.#chain.voteSequence);
    // A group may have got no further than to its first vote.
    for (const id of table?.rows.keys() ?? []) this.#groups.open(id);
    const rows = mergedVotes(table, this.#groups.groups, marks);
    const unknownSuspect = marks.unknown || (table?.unknownSuspect ?? false);
    return new VoteFile(this.#disk, this.#identity, { sequence, unknownSuspect, rows });
  }

  #start(votes: VoteFile, chain: ChainStart): void {
    const { batches, bytes, next } = this.#chain;
    const log = new MemberLog(this.#disk, this.#settings, {
      identity: this.#identity,
      chain,
      votes,
      host: this.#host,
      groups: this.#groups.groups,
      lastNumber: next! - 1,
    });
    const report: RecoveryReport = {
      segments: chain.live.length,
      batches,
      entries: this.#groups.entriesRead,
      bytes,
      cut: this.#cut,
      damage: this.#damage,
    };
    log.start((error) => this.#answer(error ?? { log, report }));
  }

  /** Refuses, or repairs where that is asked for: `end` is where the log can be cut, if anywhere. */
  #refuse(error: QuorateError, end: End | undefined): void {
    if (!this.#settings.repair || error.code !== 'log-damaged') return this.#answer(error);
    this.#damage = error;
    const { votes: table } = this.#found;
    const chain = this.#chain;
    this.#groups.finish();
    // Numbers go on from the highest ever heard of, so that nothing old fits again.
    const newest = Math.max(chain.syncedThrough, (chain.next ?? 1) - 1);
    const lastNumber = end === undefined ? newest : chain.next! - 1;
    const parts = { identity: this.#identity, settings: this.#settings };
    if (end === undefined) this.#groups.startOver();
    const plan =
      end === undefined
        ? planStartOver(parts, this.#found, lastNumber + 1)
        : planCut(this.#identity, this.#found, end, this.#groups.segments);
    // What names the newest version may be among what is lost of the log.
    const voteLost =
      table === undefined || table.sequence < chain.voteSequence || !this.#found.votesWhole;
    const unknown = voteLost || end === undefined;
    const votes = this.#votes({ suspect: true, voteLost, unknown });
    chain.next = lastNumber + 1;
    carryOut(this.#disk, plan, { file: votes, lastNumber }, (failed) => {
      if (failed !== null) this.#answer(failed);
      else this.#start(votes, plan.chain);
    });
  }
}
