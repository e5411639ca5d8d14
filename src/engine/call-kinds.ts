/** What members ask each other beside Raft's messages, and how the questions are written. */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { QuorateError } from '../base/errors.ts';
import type { Proposal } from '../raft/entry.ts';
import type { GroupId } from './log/log-write.ts';
import type { MemberRecord } from './system-machine.ts';

/** The wire's numbers: never used again for anything else. */
export const callKinds = {
  /** A process that is no member asks to become one. */
  join: 1,
  /** Proposals for the leader of a group. */
  forward: 2,
  snapshotBegin: 3,
  snapshotPiece: 4,
  snapshotEnd: 5,
  /** The application asks the leader of a group. */
  leader: 6,
  /** A member that may have lost votes asks in which term another one is. */
  term: 7,
  /** A replica tells the leader what its machine's state is at a check. */
  hash: 8,
  /** A process that is no member proposes, reads, asks the leader of a group. */
  clientPropose: 9,
  clientQuery: 10,
  clientLeader: 11,
  /** A process that is no member takes a backup, piece by piece. */
  clientBackup: 12,
  /** A member that was away asks who the members are now; answered as {@link Joined}. */
  members: 13,
} as const;

export interface ForwardCall {
  readonly group: GroupId;
  readonly requiredTerm: number;
  readonly entries: readonly Proposal[];
}

export function encodeForward({ group, requiredTerm, entries }: ForwardCall): Uint8Array {
  const writer = new ByteWriter(1024).number(group).number(requiredTerm);
  writer.number(entries.length);
  for (const { type, data } of entries) writer.byte(type === 'normal' ? 0 : 1).bytes(data);
  return writer.finish();
}

/** @throws QuorateError `malformed-message` */
export function decodeForward(payload: Uint8Array): ForwardCall {
  const reader = new ByteReader(payload);
  const group = reader.number();
  const requiredTerm = reader.number();
  const entries: Proposal[] = [];
  for (let left = reader.count(2); left > 0; left--) {
    const type = reader.byte() === 0 ? 'normal' : 'configuration';
    entries.push({ type, data: reader.bytes() });
  }
  reader.end();
  return { group, requiredTerm, entries };
}

/** What a joining process says of itself. */
export interface JoinCall {
  readonly name: string;
  readonly incarnation: number;
  readonly address: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** @throws QuorateError `malformed-message` */
export function decodeJoin(payload: Uint8Array): JoinCall {
  const { name, incarnation, address, tags } = parsed(payload);
  const sound =
    typeof name === 'string' &&
    typeof address === 'string' &&
    Number.isSafeInteger(incarnation) &&
    typeof tags === 'object' &&
    tags !== null;
  if (!sound) throw new QuorateError('malformed-message', 'a request to join without its facts');
  return { name, address, incarnation: incarnation as number, tags: tags as JoinCall['tags'] };
}

/** What a process that was let in is told: its id, and whom it may talk to. */
export interface Joined {
  readonly clusterId: number;
  readonly id: number;
  readonly members: readonly MemberRecord[];
}

/** @throws QuorateError `malformed-message` */
export function decodeJoined(payload: Uint8Array): Joined {
  const { clusterId, id, members } = parsed(payload);
  const sound =
    Number.isSafeInteger(clusterId) && Number.isSafeInteger(id) && Array.isArray(members);
  if (!sound) {
    throw new QuorateError('malformed-message', 'an answer to a joining process without its facts');
  }
  return { clusterId, id, members } as unknown as Joined;
}

function parsed(payload: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(payload));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch (cause) {
    throw new QuorateError('malformed-message', 'not JSON', { cause });
  }
}

export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** The application's question to the leader of a group. */
export function encodeLeaderCall(group: GroupId, payload: Uint8Array): Uint8Array {
  return new ByteWriter(payload.length + 16).number(group).raw(payload).finish();
}

/** @throws QuorateError `malformed-message` */
export function decodeLeaderCall(question: Uint8Array): { group: GroupId; payload: Uint8Array } {
  const reader = new ByteReader(question);
  return { group: reader.number(), payload: reader.raw(reader.remaining) };
}
