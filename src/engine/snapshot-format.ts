/**
 * A snapshot's file: frames of (length · CRC32C · bytes). The first holds what the snapshot is, the
 * last is empty and says that the file is whole; between them are the machine's chunks.
 *
 * A file is written under another name and renamed when it is durable: what is called `.snap` was
 * whole once. A byte that changed since is found by its frame's checksum.
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { crc32c } from '../base/crc32c.ts';
import { QuorateError } from '../base/errors.ts';
import type { ConfigurationState } from '../raft/configuration.ts';
import type { MemberId, Position } from '../raft/entry.ts';
import type { GroupId } from './log/log-write.ts';

export const SNAPSHOT_DIRECTORY = 'snapshots';
/** A machine's chunk is at most this large. */
export const CHUNK_BYTES_MAX = 2 ** 20;

const FORMAT_VERSION = 1;
const FRAME_HEAD_BYTES = 8;

/** What a snapshot's first frame says. */
export interface SnapshotHead extends Position {
  readonly group: GroupId;
  readonly configuration: ConfigurationState;
}

export function snapshotPath(group: GroupId, index: number): string {
  return `${SNAPSHOT_DIRECTORY}/${group}-${index}.snap`;
}

/** What a name in the directory stands for; undefined for anything but a whole snapshot. */
export function parseSnapshotName(name: string): { group: GroupId; index: number } | undefined {
  const [, group, index] = /^(\d{1,16})-(\d{1,16})\.snap$/.exec(name) ?? [];
  return group === undefined ? undefined : { group: Number(group), index: Number(index) };
}

/** A frame around `payload`, which is not copied. */
export function snapshotFrame(payload: Uint8Array): readonly Uint8Array[] {
  const head = new Uint8Array(FRAME_HEAD_BYTES);
  const view = new DataView(head.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint32(4, crc32c(payload), true);
  return [head, payload];
}

export function encodeSnapshotHead({
  group,
  term,
  index,
  configuration,
}: SnapshotHead): Uint8Array {
  const writer = new ByteWriter().number(FORMAT_VERSION).number(group).number(term).number(index);
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  for (const set of [voters, votersOutgoing, learners, learnersNext]) {
    writer.number(set.length);
    for (const member of set) writer.number(member);
  }
  return writer.byte(autoLeave ? 1 : 0).finish();
}

function decodeSnapshotHead(payload: Uint8Array): SnapshotHead {
  const reader = new ByteReader(payload);
  const version = reader.number();
  if (version > FORMAT_VERSION) {
    throw new QuorateError('format-too-new', `a snapshot of format ${version}`);
  }
  const [group, term, index] = [reader.number(), reader.number(), reader.number()];
  const members = (): MemberId[] => Array.from({ length: reader.count(1) }, () => reader.number());
  const voters = members();
  const votersOutgoing = members();
  const learners = members();
  const learnersNext = members();
  const autoLeave = reader.byte() === 1;
  const configuration = { voters, votersOutgoing, learners, learnersNext, autoLeave };
  return { group, term, index, configuration };
}

/** Cuts a snapshot's bytes, as they come, into its head and the machine's chunks. */
export class SnapshotParser {
  head: SnapshotHead | undefined;
  /** The last frame has come. */
  whole = false;
  #pending: Uint8Array = new Uint8Array(0);

  /**
   * @throws QuorateError `snapshot-damaged`, `format-too-new`
   */
  *push(bytes: Uint8Array): Iterable<Uint8Array> {
    const joined = new Uint8Array(this.#pending.length + bytes.length);
    joined.set(this.#pending);
    joined.set(bytes, this.#pending.length);
    let at = 0;
    while (joined.length - at >= FRAME_HEAD_BYTES) {
      const view = new DataView(joined.buffer, at);
      const length = view.getUint32(0, true);
      if (length > CHUNK_BYTES_MAX || this.whole) throw damaged('a frame that cannot be');
      if (joined.length - at < FRAME_HEAD_BYTES + length) break;
      const payload = joined.subarray(at + FRAME_HEAD_BYTES, at + FRAME_HEAD_BYTES + length);
      if (crc32c(payload) !== view.getUint32(4, true)) throw damaged('a frame that has changed');
      at += FRAME_HEAD_BYTES + length;
      if (this.head === undefined) this.head = decodeSnapshotHead(payload);
      else if (length === 0) this.whole = true;
      else yield payload;
    }
    this.#pending = joined.subarray(at);
  }

  /** Nothing more comes. */
  end(): void {
    if (!this.whole || this.#pending.length > 0) throw damaged('an end that is missing');
  }
}

function damaged(what: string): QuorateError {
  return new QuorateError('snapshot-damaged', `a snapshot has ${what}`);
}
