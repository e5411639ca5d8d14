/**
 * What is done to a damaged log when it shall be used all the same, because the member's peers
 * have what is lost: it is cut where the damage is, or begun anew where nothing before the damage
 * can be used. First the votes are written, with every group marked as suspect, into both slots
 * (the older version would still vouch for what is being cut); only then anything is changed, so
 * that a crash in between leaves a log that is still refused.
 */
import type { QuorateError } from '../../base/errors.ts';
import type { DiskTask } from './disk-operation.ts';
import type { DiskRequests } from './disk-requests.ts';
import type { FoundFile, FoundLog } from './found-log.ts';
import type { Identity } from './identity.ts';
import { encodeSegmentHeader, logDirectory, segmentHeaderBytes } from './segment-format.ts';
import { type ChainStart, prepareTasks, type Segment } from './segments.ts';
import type { LogSettings } from './settings.ts';
import type { VoteFile } from './vote-file.ts';
import { zeroTasks } from './zeros.ts';

export interface RepairPlan {
  readonly tasks: readonly DiskTask[];
  readonly chain: ChainStart;
}

/** Cuts the log at `position` of `file`; `segments` are those that were read. */
export function planCut(
  identity: Identity,
  found: FoundLog,
  cut: { readonly file: FoundFile; readonly position: number },
  segments: readonly Segment[],
): RepairPlan {
  const { file, position } = cut;
  const tasks = removals(found, file.sequence);
  const kept = found.files.filter(({ sequence }) => sequence <= file.sequence);
  for (const { path, sequence, fullBytes: sizeBytes, header, wrong } of kept) {
    if (wrong === undefined) continue;
    const page = encodeSegmentHeader(identity, { sequence, sizeBytes, firstNumber: 0 });
    tasks.push({ type: 'truncate', path, sizeBytes });
    const buffers = [page];
    if (header === undefined) tasks.push({ type: 'write', path, position: 0, buffers, sync: true });
    tasks.push({ type: 'sync', path });
  }
  tasks.push(...zeroTasks(file.path, position, file.fullBytes));
  const sizes = new Map(kept.map(({ sequence, fullBytes }) => [sequence, fullBytes]));
  const live: Segment[] = [];
  for (const { sequence, lastOf } of segments) {
    const sizeBytes = sizes.get(sequence);
    if (sizeBytes !== undefined) live.push({ sequence, sizeBytes, lastOf });
  }
  const spares = [...found.spares];
  return { tasks, chain: { live, position, nextReady: false, spares } };
}

/** Begins the log anew, behind all that ever was. */
export function planStartOver(
  parts: { readonly identity: Identity; readonly settings: LogSettings },
  found: FoundLog,
  firstNumber: number,
): RepairPlan {
  const sequence = (found.files[found.files.length - 1]?.sequence ?? 0) + 1;
  const sizeBytes = parts.settings.segmentBytes;
  const prepare = prepareTasks(parts.identity, sizeBytes, { sequence, firstNumber });
  const live = [{ sequence, sizeBytes, lastOf: new Map() }];
  const chain = { live, position: segmentHeaderBytes, nextReady: false, spares: [...found.spares] };
  return { tasks: [...removals(found, 0), ...prepare], chain };
}

/** Writes the votes into both slots, then does what is planned. */
export function carryOut(
  disk: DiskRequests,
  plan: RepairPlan,
  votes: { readonly file: VoteFile; readonly lastNumber: number },
  then: (error: QuorateError | null) => void,
): void {
  const { file, lastNumber } = votes;
  file.write(lastNumber, (error) => {
    if (error !== null) return then(error);
    file.write(lastNumber, (again) => {
      if (again !== null) return then(again);
      disk.inOrder(plan.tasks, then);
    });
  });
}

/** Removes segments above `kept`, the newest first, and what nobody needs. */
function removals({ files, leftovers }: FoundLog, kept: number): DiskTask[] {
  const above = files.filter(({ sequence }) => sequence > kept).map(({ path }) => path);
  const paths = [...above.reverse(), ...leftovers];
  const tasks: DiskTask[] = paths.map((path) => ({ type: 'remove', path }));
  tasks.push({ type: 'sync-directory', path: logDirectory });
  return tasks;
}
