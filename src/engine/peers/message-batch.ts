/**
 * Raft's messages to one peer, of all groups, gathered over a turn into one frame; into several
 * where one would be too long. A heartbeat takes a few bytes.
 *
 *     meta part: ( head (1) · [group − group before] · [block's length · checksum (4)] · numbers )…
 *     bulk part: the blocks of all messages, one after the other
 *
 * The head holds the message's type in five bits, whether its group is the one before (32), whether
 * it has a lower number (64), and whether the message has a block (128). Groups mostly come in ascending order, so
 * the difference takes a byte.
 */
import { ByteReader, ByteWriter } from '../../base/binary.ts';
import { QuorateError } from '../../base/errors.ts';
import { viewOf, xxhash32 } from '../../base/xxhash32.ts';
import { emptyBytes, type MemberId, payloadBytes } from '../../raft/entry.ts';
import type { Message } from '../../raft/message.ts';
import type { GroupId } from '../log/log-write.ts';
import { type Block, blockOf, type EntryBlocks } from './entry-blocks.ts';
import { messageBlock, readMessage, typeNumber, writeMessage } from './message-fields.ts';
import { COPIED_BYTES_MAX, type Outbox } from './outbox.ts';

const HAS_BLOCK = 128;
const LOWER_GROUP = 64;
const SAME_GROUP = 32;
const TYPE_MASK = 31;

/** What a message is counted with beside its block: no less than its numbers take. */
const MESSAGE_BYTES = 64;
/** What an entry is counted with beside its data. */
const ENTRY_BYTES = 16;

/**
 * A frame ends behind the message that goes beyond this: on a slow network what has arrived is read
 * while the rest is on its way, and shows that the sender lives.
 */
const FRAME_BYTES_ENOUGH = 256 * 1024;

/** A message that fits into no frame. */
export interface TooLarge {
  readonly group: GroupId;
  readonly bytes: number;
}

interface Waiting {
  readonly group: GroupId;
  readonly message: Message;
}

export class MessageBatch {
  /** A bound on what the messages take in a frame. */
  bytes = 0;
  #waiting: Waiting[] = [];
  /** Small frames, of which there are many, are made in one buffer. */
  readonly #scratch = new ByteWriter(COPIED_BYTES_MAX);

  get size(): number {
    return this.#waiting.length;
  }

  add(group: GroupId, message: Message): void {
    this.#waiting.push({ group, message });
    this.bytes += bytesOf(message);
  }

  /** Drops heartbeats and their answers: they are worth the least, and the next ones come soon. */
  dropHeartbeats(): void {
    this.#waiting = this.#waiting.filter(({ message }) => {
      const dropped = message.type === 'heartbeat' || message.type === 'heartbeat-reply';
      if (dropped) this.bytes -= bytesOf(message);
      return !dropped;
    });
  }

  /**
   * Puts all messages into frames of at most `frameBytesMax` bytes. Those that do not fit into any
   * are left out, and returned.
   */
  flush(outbox: Outbox, blocks: EntryBlocks, frameBytesMax: number): readonly TooLarge[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.bytes = 0;
    const tooLarge: TooLarge[] = [];
    let frame = new FrameInMaking(this.#writerFor(waiting.length));
    for (const each of waiting) {
      const block = blockFor(each.message, blocks);
      const blockBytes = block?.bytes.length ?? 0;
      const bytes = boundOf(each.message) + blockBytes;
      if (bytes > frameBytesMax) {
        tooLarge.push({ group: each.group, bytes });
        continue;
      }
      const full = frame.bytes + bytes > frameBytesMax;
      if (full || frame.bytes > FRAME_BYTES_ENOUGH) {
        frame.finish(outbox);
        frame = new FrameInMaking(this.#writerFor(waiting.length));
      }
      frame.add(each, block);
    }
    frame.finish(outbox);
    return tooLarge;
  }

  #writerFor(messages: number): ByteWriter {
    const isSmall = messages * MESSAGE_BYTES < COPIED_BYTES_MAX;
    return isSmall ? this.#scratch.clear() : new ByteWriter(messages * 16);
  }
}

class FrameInMaking {
  /** A bound on what the frame's parts take. */
  bytes = 0;
  readonly #meta: ByteWriter;
  readonly #bulk: Uint8Array[] = [];
  #group = 0;

  constructor(meta: ByteWriter) {
    this.#meta = meta;
  }

  add({ group, message }: Waiting, block: Block | undefined): void {
    const meta = this.#meta;
    this.bytes += boundOf(message);
    const head = typeNumber(message) | (block === undefined ? 0 : HAS_BLOCK);
    if (group === this.#group) {
      meta.byte(head | SAME_GROUP);
    } else {
      meta.byte(group < this.#group ? head | LOWER_GROUP : head);
      meta.number(Math.abs(group - this.#group));
      this.#group = group;
    }
    if (block !== undefined) this.#addBlock(block);
    writeMessage(meta, message);
  }

  #addBlock({ bytes, hash }: Block): void {
    const meta = this.#meta.number(bytes.length);
    meta
      .byte(hash & 255)
      .byte((hash >>> 8) & 255)
      .byte((hash >>> 16) & 255)
      .byte(hash >>> 24);
    this.#bulk.push(bytes);
    this.bytes += bytes.length;
  }

  finish(outbox: Outbox): void {
    if (this.bytes === 0) return;
    const meta = this.#meta.finish();
    // What is not copied must not be written to again: a snapshot's members may be many.
    const isKept = meta.length >= COPIED_BYTES_MAX;
    outbox.frame('messages', isKept ? meta.slice() : meta, this.#bulk);
  }
}

function blockFor(message: Message, blocks: EntryBlocks): Block | undefined {
  if (message.type === 'append') {
    return message.entries.length === 0 ? undefined : blocks.of(message.entries);
  }
  const bytes = messageBlock(message);
  return bytes.length === 0 ? undefined : blockOf(bytes);
}

/** No less than a message's numbers take in the meta part. */
function boundOf(message: Message): number {
  if (message.type !== 'snapshot') return MESSAGE_BYTES;
  const { voters, votersOutgoing, learners, learnersNext } = message.snapshot.configuration;
  const members = voters.length + votersOutgoing.length + learners.length + learnersNext.length;
  return MESSAGE_BYTES + 8 * members;
}

function bytesOf(message: Message): number {
  const { type } = message;
  if (type === 'append' || type === 'forward') {
    const { entries } = message;
    return MESSAGE_BYTES + ENTRY_BYTES * entries.length + payloadBytes(entries);
  }
  return boundOf(message) + (type === 'snapshot' ? message.snapshot.data.length : 0);
}

/**
 * Reads a frame of messages, handing out each as soon as it is read.
 * @throws QuorateError `malformed-message`
 */
export function readMessages(
  parts: { readonly meta: Uint8Array; readonly bulk: Uint8Array },
  members: { readonly from: MemberId; readonly to: MemberId },
  deliver: (group: GroupId, message: Message) => void,
): void {
  const reader = new ByteReader(parts.meta);
  const bulk = new BlockReader(parts.bulk);
  const { from, to } = members;
  let group = 0;
  while (reader.remaining > 0) {
    const head = reader.byte();
    if (!(head & SAME_GROUP)) group += head & LOWER_GROUP ? -reader.number() : reader.number();
    if (group < 0 || !Number.isSafeInteger(group)) throw malformed(`group ${group}`);
    const block = head & HAS_BLOCK ? bulk.next(reader) : emptyBytes;
    deliver(group, readMessage(reader, { type: head & TYPE_MASK, from, to, block }));
  }
  bulk.end();
}

class BlockReader {
  readonly #bulk: Uint8Array;
  /** Most frames of messages have no blocks. */
  #view: DataView | undefined;
  #at = 0;

  constructor(bulk: Uint8Array) {
    this.#bulk = bulk;
  }

  /** The next block, by the length and checksum that stand next in `meta`. */
  next(meta: ByteReader): Uint8Array {
    const from = this.#at;
    const to = from + meta.number();
    let hash = meta.byte() + meta.byte() * 2 ** 8;
    hash += meta.byte() * 2 ** 16 + meta.byte() * 2 ** 24;
    if (to > this.#bulk.length) throw malformed('a block beyond the end');
    this.#view ??= viewOf(this.#bulk);
    if (xxhash32(this.#view, from, to) !== hash) throw malformed('a damaged block');
    this.#at = to;
    return this.#bulk.subarray(from, to);
  }

  end(): void {
    if (this.#at < this.#bulk.length) throw malformed('bytes that belong to no message');
  }
}

function malformed(what: string): QuorateError {
  return new QuorateError('malformed-message', `${what} in a frame of messages`);
}
