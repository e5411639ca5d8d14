/**
 * A typed machine's snapshot: frames of (length, kind, content), one after the other, cut into
 * chunks wherever they become full. First a head, then plain values, then the tables' entries, then
 * an end with the hash of it all.
 */
import { QuorateError } from '../base/errors.ts';
import type { PartFacts } from '../engine/machine.ts';
import type { Key } from './key.ts';
import type { FrozenState } from './table.ts';
import { ValueReader } from './value-reader.ts';
import { ValueWriter } from './value-writer.ts';

const HEAD = 1;
const PLAIN = 2;
const ENTRIES = 3;
const END = 4;

/** 2: the head says what the state is made of. */
const FORMAT = 2;
const CHUNK_BYTES_MAX = 256 * 2 ** 10;
/** Small enough that a step of an iterator over a snapshot takes well below a millisecond. */
const FRAME_BYTES = 16 * 2 ** 10;
/** A frame holds at least one entry, and an entry is not larger than what the log takes. */
const FRAME_BYTES_MAX = 64 * 2 ** 20;

/** What a snapshot says of the machine, beside its state. */
export interface SnapshotHead {
  /** 0 where no command has been applied yet: there is no state. */
  readonly active: number;
  readonly lastIndex: number;
  /** What members said they can run. */
  readonly announced: ReadonlyMap<number, number>;
}

/** What a snapshot's frames say. */
export type SnapshotFrame =
  | ({ readonly type: 'head' } & SnapshotHead & {
        /** Not told by early snapshots. */
        readonly parts: readonly PartFacts[] | undefined;
      })
  | { readonly type: 'plain'; readonly name: string; readonly bytes: Uint8Array }
  | { readonly type: 'entries'; readonly name: string; readonly entries: [Key, unknown][] }
  | { readonly type: 'end'; readonly hash: number };

/** The chunks of a snapshot, each made when it is asked for; the state is closed at the end. */
export function snapshotChunks(
  head: SnapshotHead & { readonly parts: readonly PartFacts[] },
  state: FrozenState | undefined,
  hash: number,
): Iterator<Uint8Array, void> {
  const chunks = cut(frames(head, state, hash));
  let open = true;
  const end = (): void => {
    if (open) state?.close();
    open = false;
  };
  // A generator that was never begun would not run its `finally`.
  return {
    next() {
      const step = chunks.next();
      if (step.done === true) end();
      return step;
    },
    return() {
      end();
      return { done: true, value: undefined };
    },
  };
}

function* cut(frames: Iterable<Uint8Array>): Generator<Uint8Array, void> {
  for (const frame of frames) {
    for (let at = 0; at < frame.length; at += CHUNK_BYTES_MAX) {
      yield frame.subarray(at, at + CHUNK_BYTES_MAX);
    }
  }
}

function* frames(
  head: SnapshotHead & { readonly parts: readonly PartFacts[] },
  state: FrozenState | undefined,
  hash: number,
): Generator<Uint8Array, void> {
  const writer = new ValueWriter(2 * FRAME_BYTES);
  const begin = () => writer.clear(FRAME_BYTES_MAX);
  begin().byte(HEAD).number(FORMAT).number(head.active).number(head.lastIndex);
  writer.number(head.announced.size);
  for (const [member, version] of head.announced) writer.number(member).number(version);
  writer.number(head.parts.length);
  for (const { name, kind } of head.parts) writer.text(name).text(kind);
  yield framed(writer);
  for (const { name, bytes } of state?.plain ?? []) {
    begin().byte(PLAIN).text(name).number(bytes.length).raw(bytes);
    yield framed(writer);
  }
  for (const { name, table } of state?.tables ?? []) {
    begin();
    for (const [key, value] of table.entries()) {
      if (writer.length === 0) writer.byte(ENTRIES).text(name);
      writer.value(key).value(value);
      if (writer.length < FRAME_BYTES) continue;
      yield framed(writer);
      begin();
    }
    if (writer.length > 0) yield framed(writer);
  }
  yield framed(begin().byte(END).number(hash));
}

function framed(writer: ValueWriter): Uint8Array {
  const content = writer.written();
  const frame = new Uint8Array(4 + content.length);
  new DataView(frame.buffer).setUint32(0, content.length, true);
  frame.set(content, 4);
  return frame;
}

/** Puts frames together again from chunks, however they were cut. */
export class FrameReader {
  #rest = new Uint8Array(0);

  /** Whether something waits for its end. */
  get isWhole(): boolean {
    return this.#rest.length === 0;
  }

  /** @throws QuorateError `snapshot-damaged`, `malformed-message`, `format-too-new` */
  *chunk(chunk: Uint8Array): Generator<SnapshotFrame, void> {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    let at = 0;
    while (bytes.length - at >= 4) {
      const length = new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0, true);
      if (length === 0 || length > FRAME_BYTES_MAX) {
        throw new QuorateError('snapshot-damaged', `a frame of ${length} bytes`);
      }
      if (bytes.length - at - 4 < length) break;
      yield frameOf(bytes.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    this.#rest = bytes.slice(at);
  }
}

function frameOf(bytes: Uint8Array): SnapshotFrame {
  const reader = new ValueReader(bytes);
  switch (reader.byte()) {
    case HEAD:
      return headOf(reader);
    case PLAIN: {
      const name = reader.text();
      const plain = reader.raw(reader.number()).slice();
      reader.end();
      return { type: 'plain', name, bytes: plain };
    }
    case ENTRIES: {
      const name = reader.text();
      const entries: [Key, unknown][] = [];
      while (reader.remaining > 0) entries.push([reader.value() as Key, reader.value()]);
      return { type: 'entries', name, entries };
    }
    case END: {
      const hash = reader.number();
      reader.end();
      return { type: 'end', hash };
    }
    default:
      throw new QuorateError('snapshot-damaged', 'a frame of unknown kind');
  }
}

function headOf(reader: ValueReader): SnapshotFrame {
  const format = reader.number();
  if (format > FORMAT) {
    throw new QuorateError('format-too-new', `a machine's snapshot has format ${format}`);
  }
  const active = reader.number();
  const lastIndex = reader.number();
  const announced = new Map<number, number>();
  for (let left = reader.number(); left > 0; left--) {
    announced.set(reader.number(), reader.number());
  }
  const parts = format < 2 ? undefined : partsIn(reader);
  reader.end();
  return { type: 'head', active, lastIndex, announced, parts };
}

function partsIn(reader: ValueReader): readonly PartFacts[] {
  const parts: PartFacts[] = [];
  for (let left = reader.number(); left > 0; left--) {
    parts.push({ name: reader.text(), kind: reader.text() });
  }
  return parts;
}
