/** What a member tells about the others. */
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
