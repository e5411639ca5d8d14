/**
 * Recovery from a lost majority: most members are gone for good, so nothing can be committed any
 * more, and somebody decides that one survivor shall go on alone. Its log is rewritten while it is
 * stopped: behind what it holds, every group gets an entry which says that this member is its only
 * voter, and the system group one which says that the other members are removed; and all of it counts
 * as committed.
 *
 * What this costs: whatever was acknowledged and is not on this member is lost, and what it held
 * uncommitted takes effect. A member that comes back nevertheless is refused as `removed-member`, and
 * stops.
 */
import { ByteSlab } from '../base/byte-slab.ts';
import { type Entry, emptyBytes } from '../raft/entry.ts';
import { encodeChange } from '../raft/wire/change.ts';
import { noGuards, wrap } from './envelope.ts';
import type { GroupId } from './event.ts';
import type { GroupLog } from './log/group-log.ts';
import type { Identity } from './log/identity.ts';
import type { MemberLog } from './log/member-log.ts';
import { encodeSystemCommand } from './system-machine.ts';

const SYSTEM_GROUP: GroupId = 0;

/** What was done to a survivor's log. */
export interface StoodAlone {
  readonly group: GroupId;
  /** What it holds up to here counts from now on. */
  readonly lastIndex: number;
  readonly term: number;
}

/**
 * Hands the log what makes its member the only one. It counts once the log has been flushed and
 * closed. The system group must be among the log's groups.
 */
export function standAlone(log: MemberLog, identity: Identity): readonly StoodAlone[] {
  const groups = [...log.groups()].filter((group) => group.lastIndex() > 0);
  const ids = groups.map(({ id }) => id);
  return groups.map((group) => {
    const datas = [forcedChange(identity)];
    if (group.id === SYSTEM_GROUP) datas.push(membersCommand(identity, ids));
    return append(log, group, { datas, identity });
  });
}

function append(
  log: MemberLog,
  group: GroupLog,
  { datas, identity }: { datas: readonly Uint8Array[]; identity: Identity },
): StoodAlone {
  const last = group.last();
  // As if it had won an election: no other leader can have made entries of this term.
  const term = Math.max(group.hardState.term, last.term) + 1;
  const entries = datas.map((data, i): Entry => {
    const type = i === 0 ? 'configuration' : 'normal';
    return { type, term, index: last.index + 1 + i, data };
  });
  const commit = last.index + entries.length;
  const hardState = { term, vote: identity.memberId, commit };
  log.append({ group: group.id, entries, hardState });
  // There is nobody left who could give back what is lost.
  log.clearSuspect(group.id);
  return { group: group.id, lastIndex: last.index, term };
}

function forcedChange({ memberId: member }: Identity): Uint8Array {
  const steps = [{ type: 'add-voter' as const, member }];
  return encodeChange({ transition: 'forced', steps, context: emptyBytes });
}

function membersCommand({ memberId: id }: Identity, groups: readonly GroupId[]): Uint8Array {
  const body = encodeSystemCommand({ type: 'stand-alone', id, groups });
  const head = { kind: 'command', origin: id, sequence: 0, timeMs: 0, guards: noGuards } as const;
  return wrap({ ...head, body }, new ByteSlab());
}
