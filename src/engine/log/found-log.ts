/** What lies in a directory before the log is read: its segments, other files there, the votes. */
import { QuorateError } from '../../base/errors.ts';
import type { DiskRequests } from './disk-requests.ts';
import type { Identity } from './identity.ts';
import {
  decodeSegmentHeader,
  logDirectory,
  type SegmentHeader,
  segmentHeaderBytes,
  segmentPath,
  sequenceOf,
} from './segment-format.ts';
import type { LogSettings } from './settings.ts';
import { decodeVotes, slotBytes, tableLength, type VoteTable, votePath } from './vote-format.ts';

/** A segment's file. */
export interface FoundFile {
  readonly sequence: number;
  readonly path: string;
  /** What of it can be read. */
  readonly sizeBytes: number;
  /** What it should be. */
  readonly fullBytes: number;
  readonly header: SegmentHeader | undefined;
  /** What can be seen to be wrong with the file as such. */
  readonly wrong: { readonly offset: number; readonly what: string } | undefined;
}

export interface FoundLog {
  /** Ascending, without gaps, up to the highest there is. */
  readonly files: readonly FoundFile[];
  /** Files that may become segments again. */
  readonly spares: readonly string[];
  /** Files that nobody needs once the log is found to be whole. */
  readonly leftovers: readonly string[];
  /** The newest version of the votes that is whole. */
  readonly votes: VoteTable | undefined;
  /** Both versions are whole: there was no newer one. */
  readonly votesWhole: boolean;
}

/** Looks at the directory, and reads headers and votes. */
export function findLog(
  disk: DiskRequests,
  parts: { readonly identity: Identity; readonly settings: LogSettings },
  then: (found: FoundLog | QuorateError) => void,
): void {
  const { identity, settings } = parts;
  disk.names(logDirectory, (names) => {
    if (names instanceof QuorateError) return then(names);
    const sorted = sortNames(names);
    findFiles(disk, parts, sorted.sequences, (files) => {
      if (files instanceof QuorateError) return then(files);
      findSpares(disk, settings, sorted.spares, (spares, useless) => {
        readVotes(disk, identity, (votes) => {
          if (votes instanceof QuorateError) return then(votes);
          const leftovers = [...sorted.leftovers, ...useless];
          then({ files, spares, leftovers, votes: votes.newest, votesWhole: votes.whole });
        });
      });
    });
  });
}

interface SortedNames {
  readonly sequences: readonly number[];
  readonly spares: readonly string[];
  readonly leftovers: readonly string[];
}

/** Tells the files apart. Segments below a gap were on their way out; or the gap is damage. */
export function sortNames(names: readonly string[]): SortedNames {
  const sequences: number[] = [];
  const spares: string[] = [];
  const leftovers: string[] = [];
  for (const name of names) {
    const path = `${logDirectory}/${name}`;
    const sequence = sequenceOf(name, 'log');
    if (sequence !== undefined) sequences.push(sequence);
    else if (sequenceOf(name, 'spare') !== undefined) spares.push(path);
    else if (name.endsWith('.new')) leftovers.push(path);
  }
  sequences.sort((a, b) => a - b);
  let first = sequences.length - 1;
  while (first > 0 && sequences[first - 1] === sequences[first]! - 1) first--;
  const below = sequences.splice(0, Math.max(0, first));
  return { sequences, spares, leftovers: [...leftovers, ...below.map(segmentPath)] };
}

function findFiles(
  disk: DiskRequests,
  { identity, settings }: { readonly identity: Identity; readonly settings: LogSettings },
  sequences: readonly number[],
  then: (files: readonly FoundFile[] | QuorateError) => void,
): void {
  const files: FoundFile[] = [];
  const next = (): void => {
    const sequence = sequences[files.length];
    if (sequence === undefined) return then(files);
    const path = segmentPath(sequence);
    disk.facts(path, (facts) => {
      if (facts instanceof QuorateError) return then(facts);
      const { sizeBytes } = facts;
      disk.bytes({ type: 'read', path, position: 0, lengthBytes: segmentHeaderBytes }, (page) => {
        if (page instanceof QuorateError) return then(page);
        try {
          const header = decodeSegmentHeader(page, identity, path);
          files.push(judge({ sequence, path, sizeBytes, header, settings }));
        } catch (error) {
          if (error instanceof QuorateError) return then(error);
          throw error;
        }
        next();
      });
    });
  };
  next();
}

function judge(seen: {
  sequence: number;
  path: string;
  sizeBytes: number;
  header: SegmentHeader | undefined;
  settings: LogSettings;
}): FoundFile {
  const { sequence, path, sizeBytes, header, settings } = seen;
  const fullBytes = header?.sizeBytes ?? Math.max(sizeBytes, settings.segmentBytes);
  const file = { sequence, path, sizeBytes: Math.min(sizeBytes, fullBytes), fullBytes, header };
  if (header === undefined) return { ...file, wrong: { offset: 0, what: 'its header' } };
  if (header.sequence !== sequence) {
    const what = `it is segment ${header.sequence} by its header`;
    return { ...file, header: undefined, wrong: { offset: 0, what } };
  }
  if (sizeBytes < header.sizeBytes) {
    const what = `the file ends early, it should have ${header.sizeBytes} bytes`;
    return { ...file, wrong: { offset: sizeBytes, what } };
  }
  return { ...file, wrong: undefined };
}

/** Those that have the right size are kept, as many as may be. */
function findSpares(
  disk: DiskRequests,
  settings: LogSettings,
  paths: readonly string[],
  then: (spares: readonly string[], useless: readonly string[]) => void,
): void {
  const spares: string[] = [];
  const useless: string[] = [];
  const next = (at: number): void => {
    const path = paths[at];
    if (path === undefined) return then(spares, useless);
    disk.facts(path, (facts) => {
      const fits = !(facts instanceof QuorateError) && facts.sizeBytes === settings.segmentBytes;
      if (fits && spares.length < settings.spareSegmentsMax) spares.push(path);
      else useless.push(path);
      next(at + 1);
    });
  };
  next(0);
}

/** The newest version of the votes that is whole, if any is. */
function readVotes(
  disk: DiskRequests,
  identity: Identity,
  then: (votes: { newest: VoteTable | undefined; whole: boolean } | QuorateError) => void,
): void {
  readSlot(disk, 0, (even) => {
    if (even instanceof QuorateError) return then(even);
    readSlot(disk, 1, (odd) => {
      if (odd instanceof QuorateError) return then(odd);
      try {
        const tables = [decodeVotes(even, 0, identity), decodeVotes(odd, 1, identity)] as const;
        const evenIsNewer = (tables[0]?.sequence ?? -1) > (tables[1]?.sequence ?? -1);
        const whole = tables[0] !== undefined && tables[1] !== undefined;
        then({ newest: evenIsNewer ? tables[0] : tables[1], whole });
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
        then(error);
      }
    });
  });
}

/** What most members' tables fit into, so that not all of a slot need be read. */
const firstReadBytes = 16 * 2 ** 10;

/** The bytes of a slot that its table takes; none where the file is gone: as lost as a damaged one. */
function readSlot(
  disk: DiskRequests,
  slot: 0 | 1,
  then: (bytes: Uint8Array | QuorateError) => void,
): void {
  const read = (lengthBytes: number): void => {
    const position = slot * slotBytes;
    disk.bytes({ type: 'read', path: votePath, position, lengthBytes }, (bytes) => {
      if (bytes instanceof QuorateError) {
        return then(bytes.code === 'file-not-found' ? new Uint8Array(0) : bytes);
      }
      const needed = tableLength(bytes);
      if (needed > lengthBytes) read(needed);
      else then(bytes);
    });
  };
  read(firstReadBytes);
}
