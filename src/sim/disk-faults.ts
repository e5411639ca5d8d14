/** What can go wrong with a simulated disk, and how fast it is. */
import type { ErrorCode } from '../base/errors.ts';

/** From … to, drawn evenly. */
export type RangeMs = readonly [fromMs: number, toMs: number];

/** Chances are 0 … 1 an operation. */
export interface DiskFaults {
  /** How long everything but syncs takes. */
  readonly operationMs: RangeMs;
  /** How long syncs and durable writes take. */
  readonly syncMs: RangeMs;
  /** An operation takes longer, by a time drawn from `stallMs`. */
  readonly stallChance: number;
  readonly stallMs: RangeMs;
  readonly readErrorChance: number;
  readonly writeErrorChance: number;
  readonly syncErrorChance: number;
  /** A write stores a part only, and says so. */
  readonly shortWriteChance: number;
  /** A write lands elsewhere in the file, and claims to be done. */
  readonly misdirectedWriteChance: number;
  /** A bit of what is read has rotted on disk, and stays so. */
  readonly rotChance: number;
}

/** A quick disk that never fails. */
export const healthyDisk: DiskFaults = {
  operationMs: [0.01, 0.1],
  syncMs: [0.1, 0.4],
  stallChance: 0,
  stallMs: [0, 0],
  readErrorChance: 0,
  writeErrorChance: 0,
  syncErrorChance: 0,
  shortWriteChance: 0,
  misdirectedWriteChance: 0,
  rotChance: 0,
};

/** What an operation of a disk does, as far as faults are concerned. */
export type DiskOperation = 'read' | 'write' | 'sync' | 'names';

/** An error to come: see `SimVolume.failNext`. */
export interface PlannedFailure {
  readonly operation: DiskOperation;
  readonly code: Extract<
    ErrorCode,
    'disk-failed' | 'disk-full' | 'short-write' | 'disk-sync-failed' | 'permission-denied'
  >;
  /** Only for this path; any by default. */
  readonly path?: string;
  /** How many such operations go well before. */
  after?: number;
  /** How many fail; 1 by default. */
  times?: number;
}
