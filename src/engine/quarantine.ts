/**
 * Which replicas are quarantined (hash-checks.ts): kept in the file `quarantine`, so that a restart
 * does not forget what was found. The file is written whole and atomically whenever that changes.
 *
 *     magic, 8 bytes · format version (4) · count (4) · for each: group (8), index (8) · CRC32C (4)
 *
 * The way out is repair from the others: a member that is started with `repair` begins such a group
 * anew, empty and suspect (raft/suspicion.ts), and gets its state from the leader, as a snapshot or
 * as all entries. The record goes when the replica has caught up; a crash before repairs it again.
 */
import { crc32c } from '../base/crc32c.ts';
import { QuorateError } from '../base/errors.ts';
import { NOBODY } from '../raft/entry.ts';
import type { DiskRequests } from './log/disk-requests.ts';
import { readUint32, readWide, writeUint32, writeWide } from './log/fixed-numbers.ts';
import { checkFormat } from './log/format.ts';
import type { GroupId } from './log/log-write.ts';
import type { MemberLog } from './log/member-log.ts';
import type { Machine } from './machine.ts';

export const quarantinePath = 'quarantine';

const magic = new TextEncoder().encode('QuorQua\n');
const newestFormat = 1;
const headBytes = 16;
const rowBytes = 16;
/** More than a member may have groups. */
const rowsMax = 2 ** 17;

/** What is found in the file. */
export type QuarantineRows = ReadonlyMap<GroupId, number>;

export class Quarantine {
  readonly #disk: DiskRequests;
  /** By group: at which index its state was found to differ. */
  readonly #rows: Map<GroupId, number>;
  /** Groups that were begun anew in this life. */
  readonly #repairing = new Set<GroupId>();
  #dirty = false;
  #writing = false;

  constructor(disk: DiskRequests, rows: QuarantineRows) {
    this.#disk = disk;
    this.#rows = new Map(rows);
  }

  /** Where the group's state was found to differ; undefined if it was not. */
  index(group: GroupId): number | undefined {
    return this.#rows.get(group);
  }

  /** Whether the group was begun anew, and is not through with that. */
  isRepairing(group: GroupId): boolean {
    return this.#repairing.has(group);
  }

  /** A replica differs. It is kept soon; lost before, the next comparison finds it again. */
  add(group: GroupId, index: number): void {
    if (this.#rows.get(group) === index) return;
    this.#rows.set(group, index);
    this.#changed();
  }

  /** The group is gone from here, or its replica is what the others are again. */
  remove(group: GroupId): void {
    this.#repairing.delete(group);
    if (this.#rows.delete(group)) this.#changed();
  }

  /** Time has passed: writes what could not be written before. */
  tick(): void {
    if (this.#dirty) this.#write();
  }

  /**
   * Begins a quarantined group anew: nothing of its log, its snapshots and its machine's store stays.
   * The mark that it is suspect is written before the log, so no crash leaves it trusted and short.
   *
   * @param removeSnapshots of the group
   * @param then with why the machine cannot be emptied, if so: then it stays as it is
   */
  startOver(
    { log, group, machine }: { log: MemberLog; group: GroupId; machine: Machine },
    removeSnapshots: (then: (error: QuorateError | null) => void) => void,
    then: (error: QuorateError | null) => void,
  ): void {
    const { kept } = machine;
    if (kept !== undefined && kept.clear === undefined) {
      const message = `group ${group} cannot be repaired: its machine cannot empty its store`;
      return then(new QuorateError('replica-diverged', message, { details: { group } }));
    }
    this.#repairing.add(group);
    const { term, vote } = log.openGroup(group).hardState;
    log.markSuspect(group);
    log.append({
      group,
      entries: [],
      snapshot: { index: 0, term: 0 },
      hardState: { term, vote: term === 0 ? NOBODY : vote, commit: 0 },
    });
    removeSnapshots((error) => {
      if (error !== null || kept === undefined) then(error);
      else kept.clear!(then);
    });
  }

  #changed(): void {
    this.#dirty = true;
    if (!this.#writing) this.#write();
  }

  #write(): void {
    this.#dirty = false;
    this.#writing = true;
    const content = encode(this.#rows);
    this.#disk.run({ type: 'write-atomically', path: quarantinePath, content }, (error) => {
      this.#writing = false;
      // A disk that fails ends the member elsewhere; a full one may have room later.
      if (error !== null) this.#dirty = true;
      else if (this.#dirty) this.#write();
    });
  }
}

/** Reads the file, or nothing where there is none. `quarantine-damaged`, `format-too-new`. */
export function readQuarantine(
  disk: DiskRequests,
  then: (rows: QuarantineRows | QuorateError) => void,
): void {
  const bytesMax = headBytes + rowsMax * rowBytes + 4;
  disk.bytes({ type: 'read-whole', path: quarantinePath, bytesMax }, (bytes) => {
    if (!(bytes instanceof QuorateError)) return then(decode(bytes));
    then(bytes.code === 'file-not-found' ? new Map() : bytes);
  });
}

function encode(rows: QuarantineRows): Uint8Array {
  const bytes = new Uint8Array(headBytes + rows.size * rowBytes + 4);
  bytes.set(magic);
  writeUint32(bytes, 8, newestFormat);
  writeUint32(bytes, 12, rows.size);
  let at = headBytes;
  for (const [group, index] of rows) {
    writeWide(bytes, at, group);
    writeWide(bytes, at + 8, index);
    at += rowBytes;
  }
  writeUint32(bytes, at, crc32c(bytes, 0, at));
  return bytes;
}

function decode(bytes: Uint8Array): QuarantineRows | QuorateError {
  const end = bytes.length - 4;
  const whole =
    end >= headBytes &&
    magic.every((byte, at) => bytes[at] === byte) &&
    readUint32(bytes, end) === crc32c(bytes, 0, end) &&
    headBytes + readUint32(bytes, 12) * rowBytes === end;
  if (!whole) {
    const message =
      `the file ${quarantinePath} is damaged: it says which groups' states are not to be trusted; ` +
      'remove the member and let it join anew with an empty directory';
    return new QuorateError('quarantine-damaged', message, { details: { path: quarantinePath } });
  }
  try {
    checkFormat(quarantinePath, readUint32(bytes, 8), newestFormat);
  } catch (error) {
    if (error instanceof QuorateError) return error;
    throw error;
  }
  const rows = new Map<GroupId, number>();
  for (let at = headBytes; at < end; at += rowBytes) {
    rows.set(readWide(bytes, at), readWide(bytes, at + 8));
  }
  return rows;
}
