/** Settings of the log, each with its range, its default and the reason for it. */
import { QuorateError } from '../../base/errors.ts';
import { maxEntryDataBytes } from './batch-format.ts';
import { recordBytesMax } from './batch-table.ts';
import { segmentHeaderBytes } from './segment-format.ts';

const KIB = 2 ** 10;
const MIB = 2 ** 20;

export interface LogOptions {
  /**
   * The size of a segment, a multiple of 4 KiB. Default 64 MiB: large enough that preparing one is
   * rare, small enough that space comes back in good time. A directory keeps what it was made with.
   */
  readonly segmentBytes?: number;
  /**
   * The most that one batch carries: at most half a segment. Default 16 MiB, or half of a smaller
   * segment. The largest entry must fit into it.
   */
  readonly batchBytesMax?: number;
  /** Entries kept in memory, all groups together, their objects counted. Default 64 MiB. */
  readonly cacheBytesMax?: number;
  /** Entries read back from disk and kept for whoever asked, all groups together. Default 16 MiB. */
  readonly readBackBytesMax?: number;
  /** Space kept to be given up when the disk is full. 0 keeps none. Default 32 MiB. */
  readonly reserveBytes?: number;
  /**
   * Groups with a log in this directory. Their votes must fit a slot, and what is said of each at
   * the head of a segment a quarter of it. Default 16,384, or what fits.
   */
  readonly groupsMax?: number;
  /** Segments that are not needed any more and kept to be used again. Default 2. */
  readonly spareSegmentsMax?: number;
  /**
   * Start although what was vouched for is damaged: cut the log there, and mark its groups as
   * suspect. Only for a member whose peers can give it back what it lost. Default false.
   */
  readonly repair?: boolean;
}

export type LogSettings = Required<LogOptions>;

/** @throws QuorateError `invalid-config` naming the setting. */
export function logSettings(options: LogOptions = {}): LogSettings {
  const segmentBytes = options.segmentBytes ?? 64 * MIB;
  const half = Math.floor((segmentBytes - segmentHeaderBytes) / 2);
  const groupsFit = Math.floor((segmentBytes - segmentHeaderBytes) / 4 / recordBytesMax);
  const settings: LogSettings = {
    segmentBytes,
    batchBytesMax: options.batchBytesMax ?? Math.min(16 * MIB, half),
    cacheBytesMax: options.cacheBytesMax ?? 64 * MIB,
    readBackBytesMax: options.readBackBytesMax ?? 16 * MIB,
    reserveBytes: options.reserveBytes ?? 32 * MIB,
    groupsMax: options.groupsMax ?? Math.min(16_384, groupsFit),
    spareSegmentsMax: options.spareSegmentsMax ?? 2,
    repair: options.repair ?? false,
  };
  check('segmentBytes', settings.segmentBytes, 8 * KIB, 2 ** 31);
  if (segmentBytes % (4 * KIB) !== 0) throw wrong('segmentBytes', segmentBytes, 'whole pages');
  check('batchBytesMax', settings.batchBytesMax, KIB, Math.min(half, maxEntryDataBytes));
  check('cacheBytesMax', settings.cacheBytesMax, 0, 2 ** 40);
  check('readBackBytesMax', settings.readBackBytesMax, 0, 2 ** 40);
  check('reserveBytes', settings.reserveBytes, 0, 2 ** 40);
  check('groupsMax', settings.groupsMax, 1, Math.min(20_000, groupsFit));
  check('spareSegmentsMax', settings.spareSegmentsMax, 0, 1024);
  return settings;
}

function check(name: string, value: number, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw wrong(name, value, `a whole number in ${least} … ${most}`);
  }
}

function wrong(name: string, value: number, must: string): QuorateError {
  return new QuorateError('invalid-config', `the log's ${name} must be ${must}, not ${value}`, {
    details: { setting: name, value },
  });
}
