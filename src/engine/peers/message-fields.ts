/**
 * Raft's messages as they lie in a frame. A message is a few numbers, written one behind the other into whatever
 * gathers the messages of a turn, and at most one block of bytes (an append's entries, a snapshot,
 * proposals), which travels beside them, so that one block can serve many messages uncopied.
 *
 * Sender and receiver are not in it: a link between two members knows them, and takes no one's word
 * for who else might have sent something.
 */
import type { ByteReader, ByteWriter } from '../../base/binary.ts';
import { QuorateError } from '../../base/errors.ts';
import type { ConfigurationState, MemberId } from '../../raft/configuration.ts';
import { type Entry, emptyBytes } from '../../raft/entry.ts';
import type { InstallSnapshot, Message, MessageType } from '../../raft/message.ts';
import { decodeEntries, decodeProposals, encodeEntries, encodeProposals } from './entry-codec.ts';

// Positions are the wire's numbers: only ever append.
const types: readonly MessageType[] = [
  'append',
  'append-reply',
  'vote',
  'vote-reply',
  'pre-vote',
  'pre-vote-reply',
  'heartbeat',
  'heartbeat-reply',
  'snapshot',
  'timeout-now',
  'forward',
  'read-index',
  'read-index-reply',
  'transfer',
  'quiesce',
  'quiesce-reply',
];

const numbers = new Map<MessageType, number>(types.map((type, number) => [type, number]));

/** The same once more, from a member that must not be counted; see raft/suspicion.ts. */
const suspectTypes: readonly MessageType[] = [
  'append-reply',
  'heartbeat-reply',
  'read-index',
  'quiesce-reply',
];

/** The number that stands for a message's type: below 32. */
export function typeNumber(message: Message): number {
  if (message.suspect) {
    const at = suspectTypes.indexOf(message.type);
    if (at !== -1) return types.length + at;
  }
  return numbers.get(message.type)!;
}

/**
 * The bytes that travel beside a message; none for most.
 * @param encode how entries become a block: given by those who share blocks between messages.
 */
export function messageBlock(
  message: Message,
  encode: (entries: readonly Entry[]) => Uint8Array = encodeEntries,
): Uint8Array {
  if (message.type === 'append') {
    return message.entries.length === 0 ? emptyBytes : encode(message.entries);
  }
  if (message.type === 'snapshot') return message.snapshot.data;
  return message.type === 'forward' ? encodeProposals(message.entries) : emptyBytes;
}

/** Writes a message's numbers: all but its type, its two members and its block. */
export function writeMessage(writer: ByteWriter, message: Message): void {
  writer.number(message.term);
  switch (message.type) {
    case 'append':
      writer.number(message.previousIndex).number(message.previousTerm).number(message.commit);
      return;
    case 'append-reply':
      writer.number(message.index).byte(message.rejected ? 1 : 0);
      if (message.rejected) writer.number(message.hintIndex).number(message.hintTerm);
      return;
    case 'vote':
    case 'pre-vote':
      writer.number(message.lastIndex).number(message.lastTerm);
      writer
        .byte(message.transfer ? 1 : 0)
        .number(message.priority)
        .number(message.incarnation);
      return;
    case 'vote-reply':
    case 'pre-vote-reply':
      writer.byte(message.granted ? 1 : 0).number(message.incarnation);
      writer.number(message.commit.term).number(message.commit.index);
      return;
    case 'heartbeat':
      writer.number(message.commit).number(message.round);
      return;
    case 'heartbeat-reply':
      writer.number(message.round);
      return;
    case 'snapshot':
      writer.number(message.snapshot.index).number(message.snapshot.term);
      writeConfiguration(writer, message.snapshot.configuration);
      return;
    case 'timeout-now':
      return;
    case 'forward':
      writer.number(message.requiredTerm);
      return;
    case 'read-index':
      writer.number(message.incarnation).number(message.readId);
      return;
    case 'read-index-reply':
      writer.number(message.incarnation).number(message.readId).number(message.index);
      return;
    case 'transfer':
      writer.number(message.target);
      return;
    case 'quiesce':
      writer.number(message.commit);
      return;
    case 'quiesce-reply':
      writer.byte(message.agreed ? 1 : 0);
  }
}

/** What is known of a message beside its numbers. */
export interface Around {
  /** See {@link typeNumber}. */
  readonly type: number;
  readonly from: MemberId;
  readonly to: MemberId;
  /** See {@link messageBlock}; the message keeps views on it. */
  readonly block: Uint8Array;
}

/**
 * Reads what {@link writeMessage} wrote.
 * @throws QuorateError `malformed-message`
 */
export function readMessage(reader: ByteReader, around: Around): Message {
  // Mostly it is not one of those: asking an array for what is before its beginning is slow.
  if (around.type < types.length) return readFields(reader, around, types[around.type]);
  const suspect = suspectTypes[around.type - types.length];
  if (suspect === undefined) throw unknownType(around);
  return { ...readFields(reader, around, suspect), suspect: true };
}

function readFields(reader: ByteReader, around: Around, type: MessageType | undefined): Message {
  const { from, to, block } = around;
  const term = reader.number();
  switch (type) {
    case 'append': {
      const previousIndex = reader.number();
      const previousTerm = reader.number();
      const commit = reader.number();
      const entries = block.length === 0 ? [] : decodeEntries(block, previousIndex + 1);
      return { type, from, to, term, previousIndex, previousTerm, entries, commit };
    }
    case 'append-reply': {
      const index = reader.number();
      const rejected = truth(reader);
      const hintIndex = rejected ? reader.number() : 0;
      const hintTerm = rejected ? reader.number() : 0;
      return { type, from, to, term, index, rejected, hintIndex, hintTerm };
    }
    case 'vote':
    case 'pre-vote': {
      const lastIndex = reader.number();
      const lastTerm = reader.number();
      const transfer = truth(reader);
      const priority = reader.number();
      const incarnation = reader.number();
      return { type, from, to, term, lastIndex, lastTerm, transfer, priority, incarnation };
    }
    case 'vote-reply':
    case 'pre-vote-reply': {
      const granted = truth(reader);
      const incarnation = reader.number();
      const commit = { term: reader.number(), index: reader.number() };
      return { type, from, to, term, granted, incarnation, commit };
    }
    case 'heartbeat':
      return { type, from, to, term, commit: reader.number(), round: reader.number() };
    case 'heartbeat-reply':
      return { type, from, to, term, round: reader.number() };
    case 'snapshot':
      return { type, from, to, term, snapshot: readSnapshot(reader, block) };
    case 'timeout-now':
      return { type, from, to, term };
    case 'forward': {
      const requiredTerm = reader.number();
      return { type, from, to, term, requiredTerm, entries: decodeProposals(block) };
    }
    case 'read-index':
      return { type, from, to, term, incarnation: reader.number(), readId: reader.number() };
    case 'read-index-reply': {
      const incarnation = reader.number();
      const readId = reader.number();
      return { type, from, to, term, incarnation, readId, index: reader.number() };
    }
    case 'transfer':
      return { type, from, to, term, target: reader.number() };
    case 'quiesce':
      return { type, from, to, term, commit: reader.number() };
    case 'quiesce-reply':
      return { type, from, to, term, agreed: truth(reader) };
    default:
      throw unknownType(around);
  }
}

function unknownType({ type }: Around): QuorateError {
  return new QuorateError('malformed-message', `unknown message type ${type}`);
}

function truth(reader: ByteReader): boolean {
  const value = reader.byte();
  if (value > 1) throw new QuorateError('malformed-message', `${value} is neither yes nor no`);
  return value === 1;
}

function readSnapshot(reader: ByteReader, data: Uint8Array): InstallSnapshot['snapshot'] {
  const index = reader.number();
  const term = reader.number();
  return { index, term, configuration: readConfiguration(reader), data };
}

function writeConfiguration(writer: ByteWriter, configuration: ConfigurationState): void {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  for (const members of [voters, votersOutgoing, learners, learnersNext]) {
    writer.number(members.length);
    for (const member of members) writer.number(member);
  }
  writer.byte(autoLeave ? 1 : 0);
}

function readConfiguration(reader: ByteReader): ConfigurationState {
  const members = (): number[] => Array.from({ length: reader.count(1) }, () => reader.number());
  return {
    voters: members(),
    votersOutgoing: members(),
    learners: members(),
    learnersNext: members(),
    autoLeave: truth(reader),
  };
}
