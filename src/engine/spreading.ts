/**
 * Leaders spread over the members: who leads more groups than its share hands some over, a few at a
 * time, to voters that lead fewer and lack nothing. Each member judges by what it sees of the groups
 * that are open here; one that leads a single group more than another keeps it, so that it ends.
 *
 * The system group stays where it is: a single one is nothing to spread.
 */
import { type MemberId, NOBODY } from '../raft/entry.ts';
import type { GroupId } from './event.ts';
import type { Replica } from './replica.ts';

/** Groups handed over at one look. */
const HAND_OVERS_MAX = 4;

/** Hands some groups over; returns which. */
export function spreadLeaders(
  self: MemberId,
  systemGroup: GroupId,
  replicas: Iterable<Replica>,
): readonly Replica[] {
  const leads = new Map<MemberId, number>();
  const own: Replica[] = [];
  for (const replica of replicas) {
    const { id, leader, role } = replica;
    if (id === systemGroup || leader === NOBODY) continue;
    leads.set(leader, (leads.get(leader) ?? 0) + 1);
    if (role === 'leader') own.push(replica);
  }
  const given: Replica[] = [];
  for (const replica of own) {
    if (given.length >= HAND_OVERS_MAX) break;
    const target = poorest(replica, self, leads);
    if (target === undefined) continue;
    replica.step({ type: 'transfer-leadership', target });
    leads.set(self, leads.get(self)! - 1);
    leads.set(target, (leads.get(target) ?? 0) + 1);
    given.push(replica);
  }
  return given;
}

/** The voter that leads least, if it could take over at once and that made things more even. */
function poorest(
  { raft }: Replica,
  self: MemberId,
  leads: ReadonlyMap<MemberId, number>,
): MemberId | undefined {
  if (raft.core.transferTarget !== NOBODY) return undefined;
  const led = (member: MemberId): number => leads.get(member) ?? 0;
  const { progress, configuration, lastIndex } = raft.status();
  const [best] = progress
    .filter(({ member, active, suspect, match }) => {
      const isFit = active && !suspect && match === lastIndex;
      return isFit && member !== self && configuration.voters.includes(member);
    })
    .sort((a, b) => led(a.member) - led(b.member));
  if (best === undefined || led(self) - led(best.member) < 2) return undefined;
  return best.member;
}
