/** Who leads a group, as one member knows it. */
import type { MemberId } from '../raft/entry.ts';
import type { Role } from '../raft/ready.ts';

/** This member's part in a group, and who leads it. */
export interface Leadership {
  readonly role: Role;
  readonly term: number;
  /** The leader as far as known, or 0. */
  readonly leader: MemberId;
  readonly isLeader: boolean;
}
