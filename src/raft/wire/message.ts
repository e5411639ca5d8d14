/**
 * Messages as bytes.
 *
 *     type byte · from · to · term · fields of the type
 *
 * A message says where it ends, so that many of many groups stand in one buffer, one behind the
 * other. Numbers are varints. The type byte stands for the layout too: a changed layout is a new
 * type, and the numbers below are never used again. Whatever bytes are read, there comes a message
 * out of them or a `malformed-message`, and nothing larger than them is allocated; whether the
 * numbers make sense to a member `check-input.ts` says.
 */
import { ByteReader, ByteWriter } from '../../base/binary.ts';
import { QuorateError } from '../../base/errors.ts';
import { type Entry, entriesBytes } from '../entry.ts';
import type { Envelope, Message, MessageType, Vote, VoteReply } from '../message.ts';
import { decodeEntries, encodeEntries, readProposals, writeProposals } from './entry.ts';
import { readSnapshotHead, writeSnapshotHead } from './snapshot.ts';

type MessageOf<Type extends MessageType> = Message & { readonly type: Type };

interface Codec<Type extends MessageType> {
  /** The type's number on the wire. */
  readonly number: number;
  write(writer: ByteWriter, message: MessageOf<Type>, sections: Sections): void;
  read(reader: ByteReader, envelope: Envelope): MessageOf<Type>;
}

/** For messages that have nothing to say but their type. */
function bare<Type extends 'timeout-now'>(number: number, type: Type): Codec<Type> {
  return { number, write() {}, read: (_, envelope) => ({ type, ...envelope }) as MessageOf<Type> };
}

function vote<Type extends Vote['type']>(number: number, type: Type): Codec<Type> {
  return {
    number,
    write(writer, { lastIndex, lastTerm, transfer, priority, incarnation }) {
      writer.number(lastIndex).number(lastTerm).flag(transfer);
      writer.number(priority).number(incarnation);
    },
    read: (reader, envelope) => {
      const lastIndex = reader.number();
      const lastTerm = reader.number();
      const transfer = reader.flag();
      const priority = reader.number();
      const incarnation = reader.number();
      const fields = { lastIndex, lastTerm, transfer, priority, incarnation };
      return { type, ...envelope, ...fields } as MessageOf<Type>;
    },
  };
}

function voteReply<Type extends VoteReply['type']>(number: number, type: Type): Codec<Type> {
  return {
    number,
    write(writer, { granted, incarnation, commit }) {
      writer.flag(granted).number(incarnation).number(commit.term).number(commit.index);
    },
    read: (reader, envelope) => {
      const granted = reader.flag();
      const incarnation = reader.number();
      const commit = { term: reader.number(), index: reader.number() };
      return { type, ...envelope, granted, incarnation, commit } as MessageOf<Type>;
    },
  };
}

const codecs: { readonly [Type in MessageType]: Codec<Type> } = {
  append: {
    number: 1,
    write(writer, { previousIndex, previousTerm, commit, entries }, sections) {
      writer.number(previousIndex).number(previousTerm).number(commit);
      writer.bytes(sections.of(entries));
    },
    read: (reader, { from, to, term }) => ({
      type: 'append',
      from,
      to,
      term,
      previousIndex: reader.number(),
      previousTerm: reader.number(),
      commit: reader.number(),
      entries: decodeEntries(reader.bytes()),
    }),
  },
  'append-reply': {
    number: 2,
    write(writer, { index, rejected, hintIndex, hintTerm }) {
      writer.number(index).flag(rejected).number(hintIndex).number(hintTerm);
    },
    read: (reader, envelope) => ({
      type: 'append-reply',
      ...envelope,
      index: reader.number(),
      rejected: reader.flag(),
      hintIndex: reader.number(),
      hintTerm: reader.number(),
    }),
  },
  vote: vote(3, 'vote'),
  'vote-reply': voteReply(4, 'vote-reply'),
  'pre-vote': vote(5, 'pre-vote'),
  'pre-vote-reply': voteReply(6, 'pre-vote-reply'),
  heartbeat: {
    number: 7,
    write: (writer, { commit, round }) => void writer.number(commit).number(round),
    read: (reader, envelope) => ({
      type: 'heartbeat',
      ...envelope,
      commit: reader.number(),
      round: reader.number(),
    }),
  },
  'heartbeat-reply': {
    number: 8,
    write: (writer, { round }) => void writer.number(round),
    read: (reader, envelope) => ({
      type: 'heartbeat-reply',
      ...envelope,
      round: reader.number(),
    }),
  },
  snapshot: {
    number: 9,
    write(writer, { snapshot }) {
      writeSnapshotHead(writer, snapshot);
      writer.bytes(snapshot.data);
    },
    read: (reader, envelope) => ({
      type: 'snapshot',
      ...envelope,
      snapshot: { ...readSnapshotHead(reader), data: reader.bytes() },
    }),
  },
  'timeout-now': bare(10, 'timeout-now'),
  forward: {
    number: 11,
    write(writer, { entries, requiredTerm }) {
      writer.number(requiredTerm);
      writeProposals(writer, entries);
    },
    read: (reader, envelope) => ({
      type: 'forward',
      ...envelope,
      requiredTerm: reader.number(),
      entries: readProposals(reader),
    }),
  },
  'read-index': {
    number: 12,
    write: (writer, { incarnation, readId }) => void writer.number(incarnation).number(readId),
    read: (reader, envelope) => ({
      type: 'read-index',
      ...envelope,
      incarnation: reader.number(),
      readId: reader.number(),
    }),
  },
  'read-index-reply': {
    number: 13,
    write(writer, { incarnation, readId, index }) {
      writer.number(incarnation).number(readId).number(index);
    },
    read: (reader, envelope) => ({
      type: 'read-index-reply',
      ...envelope,
      incarnation: reader.number(),
      readId: reader.number(),
      index: reader.number(),
    }),
  },
  transfer: {
    number: 14,
    write: (writer, { target }) => void writer.number(target),
    read: (reader, envelope) => ({ type: 'transfer', ...envelope, target: reader.number() }),
  },
  quiesce: {
    number: 15,
    write: (writer, { commit }) => void writer.number(commit),
    read: (reader, envelope) => ({ type: 'quiesce', ...envelope, commit: reader.number() }),
  },
  'quiesce-reply': {
    number: 16,
    write: (writer, { agreed }) => void writer.flag(agreed),
    read: (reader, envelope) => ({ type: 'quiesce-reply', ...envelope, agreed: reader.flag() }),
  },
};

/** Stands before the type byte of a message whose sender must not be counted. */
const SUSPECT = 17;

/** Tables by type name and by number; the compiler cannot see through either index. */
type AnyCodec = Codec<MessageType>;
const byNumber: (AnyCodec | undefined)[] = [];
for (const codec of Object.values(codecs)) byNumber[codec.number] = codec as unknown as AnyCodec;

/** Sections that are remembered: followers of one group differ little in what they are sent. */
const SECTIONS_MAX = 4;

/** Encoded runs of entries, the latest few. */
class Sections {
  readonly #latest: { readonly first: Entry; readonly last: Entry; readonly bytes: Uint8Array }[] =
    [];

  of(entries: readonly Entry[]): Uint8Array {
    const first = entries[0];
    const last = entries[entries.length - 1];
    if (first === undefined || last === undefined) return encodeEntries(entries);
    // Two entries of one log have the same ones between them (log matching, §5.3).
    const known = this.#latest.find((section) => section.first === first && section.last === last);
    if (known !== undefined) return known.bytes;
    const bytes = encodeEntries(entries);
    this.#latest.unshift({ first, last, bytes });
    if (this.#latest.length > SECTIONS_MAX) this.#latest.pop();
    return bytes;
  }
}

/**
 * Writes messages, and encodes entries once for all the messages and logs that they go to. One
 * for each turn of work: it keeps alive what it encoded last.
 */
export class MessageWriter {
  readonly #sections = new Sections();

  /** Appends a message to `writer`, behind whatever stands there. */
  write(writer: ByteWriter, message: Message): void {
    const codec = codecs[message.type] as unknown as AnyCodec;
    if (message.suspect) writer.byte(SUSPECT);
    writer.byte(codec.number).number(message.from).number(message.to).number(message.term);
    codec.write(writer, message, this.#sections);
  }

  /** The bytes of these entries, as they stand in an append: for the log. */
  entries(entries: readonly Entry[]): Uint8Array {
    return this.#sections.of(entries);
  }
}

/** Reads one message and leaves `reader` behind it. */
export function readMessage(reader: ByteReader): Message {
  const first = reader.byte();
  const number = first === SUSPECT ? reader.byte() : first;
  const codec = byNumber[number];
  if (codec === undefined) {
    throw new QuorateError('malformed-message', `unknown message type ${number}`);
  }
  const message = codec.read(reader, {
    from: reader.number(),
    to: reader.number(),
    term: reader.number(),
  });
  return first === SUSPECT ? { ...message, suspect: true } : message;
}

/** The bytes of one message alone. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter(
    64 + (message.type === 'append' ? entriesBytes(message.entries) : 0),
  );
  new MessageWriter().write(writer, message);
  return writer.finish();
}

/**
 * The message of these bytes, all of them. What it carries are views on them.
 * @throws QuorateError `malformed-message`
 */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new ByteReader(bytes);
  const message = readMessage(reader);
  reader.end();
  return message;
}
