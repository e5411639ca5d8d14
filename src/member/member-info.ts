/** What a member tells about the others. */
import { type Engine, SYSTEM_GROUP } from '../engine/engine.ts';
import type { MemberId } from '../raft/entry.ts';

/** A member of the cluster, as this one knows it. */
export interface MemberInfo {
  readonly id: MemberId;
  readonly name: string;
  /** Where other members reach it. */
  readonly address: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly role: 'voter' | 'learner' | 'joining';
  /** Whether it stays a learner until `Member.learners` is told to promote it. */
  readonly awaitsPromotion: boolean;
  /** Whether it leads the system group. */
  readonly leader: boolean;
}

/** The cluster's members, as far as this one knows. */
export function memberInfos(engine: Engine): MemberInfo[] {
  const replica = engine.replica(SYSTEM_GROUP)!;
  const { voters, learners } = replica.configuration;
  return engine.system.state.members.map(({ id, name, address, tags, awaitsPromotion = false }) => {
    const role = voters.includes(id) ? 'voter' : learners.includes(id) ? 'learner' : 'joining';
    return { id, name, address, tags, role, awaitsPromotion, leader: replica.leader === id };
  });
}
