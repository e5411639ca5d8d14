/**
 * How a member comes to life: from its directory, or as one of a new cluster's first members, or
 * by joining a cluster that exists. It ends with an identity, a log and the system group's state.
 */
import { emptyConfiguration } from '../raft/configuration.ts';
import { emptyBytes, type MemberId, NOBODY, type Position } from '../raft/entry.ts';
import type { GroupLog } from './log/group-log.ts';
import type { MemberLog } from './log/member-log.ts';
import type { SystemState } from './system-machine.ts';

/** One of a new cluster's first members, as all of them are told alike. */
export interface Founder {
  readonly name: string;
  readonly address: string;
}

/** Where every group begins: nothing is applied, and its first configuration is in force. */
export const origin: Position = { term: 1, index: 1 };

/** Whether a snapshot is how a group begins: its state is in the message, or is nothing at all. */
export function isBeginning({ index }: Position): boolean {
  return index === origin.index;
}

/**
 * The state in which a new cluster's system group begins, the same on all its founders: ids count
 * up from 1 in the order of names, and the cluster's id follows from what they agree on.
 */
export function foundingState(founders: readonly Founder[], clusterId: number): SystemState {
  const sorted = [...founders].sort((a, b) => (a.name < b.name ? -1 : 1));
  const members = sorted.map(({ name, address }, i) => {
    return { id: i + 1, name, address, incarnation: undefined, tags: {} };
  });
  return {
    clusterId,
    members,
    removed: [],
    groups: [],
    nextMemberId: members.length + 1,
    nextGroupId: 1,
  };
}

/** An id in 1 … 2^53 − 1 that follows from a token and the founders' names (FNV-1a, twice). */
export function clusterIdFrom(token: string, founders: readonly Founder[]): number {
  const names = founders.map(({ name }) => name).sort();
  const text = JSON.stringify([token, names]);
  const high = fnv1a(text, 0x811c9dc5) % 2 ** 21;
  return Math.max(1, high * 2 ** 32 + fnv1a(text, 0x01000193));
}

function fnv1a(text: string, seed: number): number {
  let hash = seed;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/**
 * Makes a group begin at the {@link origin}, with `state` as what the machine starts with. A member
 * that has taken part already keeps its log, and only remembers how the group began, for as long as
 * that log begins there.
 */
export function beginAtOrigin(
  log: MemberLog,
  group: GroupLog,
  voters: readonly MemberId[],
  state: Uint8Array = emptyBytes,
): void {
  const configuration = { ...emptyConfiguration, voters };
  if (group.lastIndex() === 0) {
    // A log that was damaged may have lost all but its term and vote.
    const { term, vote } = group.hardState;
    const later = term > origin.term;
    const hardState = {
      term: later ? term : origin.term,
      vote: later ? vote : NOBODY,
      commit: origin.index,
    };
    log.append({ group: group.id, entries: [], snapshot: origin, hardState });
  }
  if (group.firstIndex() > origin.index + 1) return;
  group.setConfiguration(configuration);
  group.setSnapshot({ ...origin, configuration, data: state });
}
