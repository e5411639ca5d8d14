/**
 * Messages and log contents in few words, for tests that talk to one member by hand: whatever a
 * test does not speak about gets the dullest value that is right.
 */
import type { ConfigurationState } from '../../src/raft/configuration.ts';
import { emptyConfiguration } from '../../src/raft/configuration.ts';
import { type Entry, noPosition, type Snapshot } from '../../src/raft/entry.ts';
import type { Message, MessageType, Vote } from '../../src/raft/message.ts';

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** The message of a type; votes and pre-votes share one. */
export type MessageOf<Type extends MessageType, Any = Message> = Any extends {
  readonly type: infer Types;
}
  ? Type extends Types
    ? Omit<Any, 'type'> & { readonly type: Type }
    : never
  : never;

export function bytes(command: string): Uint8Array {
  return utf8.encode(command);
}

export function words(data: Uint8Array): string {
  return text.decode(data);
}

/** A log from the terms of its entries: `logOf([1, 1, 2])` has entries 1 to 3. */
export function logOf(terms: readonly number[], first = 1): Entry[] {
  return terms.map((term, i) => ({
    type: 'normal',
    term,
    index: first + i,
    data: bytes(`${term}.${first + i}`),
  }));
}

export function votersOf(...voters: number[]): ConfigurationState {
  return { ...emptyConfiguration, voters };
}

export function snapshotAt(index: number, term: number, voters: readonly number[]): Snapshot {
  return { index, term, configuration: { ...emptyConfiguration, voters }, data: bytes('state') };
}

const dull: { readonly [Type in MessageType]: Omit<MessageOf<Type>, 'type'> } = {
  append: {
    from: 2,
    to: 1,
    term: 1,
    previousIndex: 0,
    previousTerm: 0,
    entries: [],
    commit: 0,
  },
  'append-reply': {
    from: 2,
    to: 1,
    term: 1,
    index: 0,
    rejected: false,
    hintIndex: 0,
    hintTerm: 0,
  },
  vote: candidacy(),
  'pre-vote': candidacy(),
  'vote-reply': { from: 2, to: 1, term: 1, granted: true, incarnation: 0, commit: noPosition },
  'pre-vote-reply': { from: 2, to: 1, term: 1, granted: true, incarnation: 0, commit: noPosition },
  heartbeat: { from: 2, to: 1, term: 1, commit: 0, round: 0 },
  'heartbeat-reply': { from: 2, to: 1, term: 1, round: 0 },
  snapshot: { from: 2, to: 1, term: 1, snapshot: snapshotAt(1, 1, [1, 2, 3]) },
  'timeout-now': { from: 2, to: 1, term: 1 },
  forward: { from: 2, to: 1, term: 0, entries: [], requiredTerm: 0 },
  'read-index': { from: 2, to: 1, term: 0, incarnation: 1, readId: 1 },
  'read-index-reply': { from: 2, to: 1, term: 1, incarnation: 1, readId: 1, index: 0 },
  transfer: { from: 2, to: 1, term: 1, target: 2 },
  quiesce: { from: 2, to: 1, term: 1, commit: 0 },
  'quiesce-reply': { from: 2, to: 1, term: 1, agreed: true },
};

function candidacy(): Omit<Vote, 'type'> {
  return {
    from: 2,
    to: 1,
    term: 1,
    lastIndex: 0,
    lastTerm: 0,
    transfer: false,
    priority: 0,
    incarnation: 1,
  };
}

/** A message from member 2 to member 1 in term 1, but for what `fields` say. */
export function message<Type extends MessageType>(
  type: Type,
  fields: Partial<Omit<MessageOf<Type>, 'type'>> = {},
): MessageOf<Type> & Message {
  return { type, ...dull[type], ...fields } as unknown as MessageOf<Type> & Message;
}
