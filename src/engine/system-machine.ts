/**
 * The system group's machine: who the members are, which groups there are.
 *
 * It is the cluster's one truth about both; the groups' configurations follow it (see
 * `membership.ts`). Commands are rare, so they are JSON, which people can read in a dump. Ids of
 * members and of groups are counted up here and never used again.
 */
import { QuorateError } from '../base/errors.ts';
import type { MemberId } from '../raft/entry.ts';
import type { GroupId } from './event.ts';
import type { CommandContext, Machine, MachineRestore, Outcome } from './machine.ts';

/** A member as the cluster knows it. */
export interface MemberRecord {
  readonly id: MemberId;
  readonly name: string;
  /** The life of its directory; undefined until it was first started. */
  readonly incarnation: number | undefined;
  /** Where other members reach it: host:port. */
  readonly address: string;
  /** What the application says of it: where its own clients reach it, for instance. */
  readonly tags: Readonly<Record<string, string>>;
  /** Set for a member that stays a learner, however well it keeps up, until it is promoted. */
  readonly awaitsPromotion?: true;
}

/** A group as the cluster knows it. */
export interface GroupRecord {
  readonly id: GroupId;
  readonly name: string;
  /** Who votes in it at its beginning, where it stands at index 1 with nothing applied. */
  readonly voters: readonly MemberId[];
  /**
   * The group begins with a state that was restored, which those voters have in a snapshot or a log
   * of their own: one that has neither must not begin it empty. It names the restoring.
   */
  readonly restored?: string;
}

export type SystemCommand =
  | {
      readonly type: 'add-member';
      readonly name: string;
      readonly incarnation: number;
      readonly address: string;
      readonly tags: Readonly<Record<string, string>>;
    }
  | {
      readonly type: 'update-member';
      readonly id: MemberId;
      readonly incarnation?: number;
      readonly address?: string;
      readonly tags?: Readonly<Record<string, string>>;
    }
  | { readonly type: 'remove-member'; readonly id: MemberId }
  /** Whoever joins from this address is to await its promotion, or not any more. */
  | { readonly type: 'announce-learner'; readonly address: string }
  | { readonly type: 'retract-learner'; readonly address: string }
  | { readonly type: 'promote-member'; readonly id: MemberId }
  | { readonly type: 'add-group'; readonly name: string; readonly voters: readonly MemberId[] }
  | ({ readonly type: 'restore-group' } & Required<Omit<GroupRecord, 'id'>>)
  | { readonly type: 'remove-group'; readonly id: GroupId }
  /** Of the members only this one is left; it has a part in these groups. See lost-majority.ts. */
  | { readonly type: 'stand-alone'; readonly id: MemberId; readonly groups: readonly GroupId[] };

/** The names and addresses of a new cluster's members, alike on all of them. */
export interface SystemState {
  readonly clusterId: number;
  readonly members: readonly MemberRecord[];
  /** Ids that were members; they never are again. */
  readonly removed: readonly MemberId[];
  /** Addresses from which members are to join that await their promotion. */
  readonly learnerAddresses?: readonly string[];
  readonly groups: readonly GroupRecord[];
  readonly nextMemberId: MemberId;
  readonly nextGroupId: GroupId;
}

export const membersMax = 64;
export const groupsMax = 40_000;

export class SystemMachine implements Machine {
  #state: SystemState;
  readonly #changed: () => void;
  readonly #former = new Map<MemberId, MemberRecord>();

  /** @param changed called after each change of the state */
  constructor(initial: SystemState, changed: () => void) {
    this.#state = initial;
    this.#changed = changed;
  }

  get state(): SystemState {
    return this.#state;
  }

  member(id: MemberId): MemberRecord | undefined {
    return this.#state.members.find((member) => member.id === id);
  }

  /** What was known of a member when it was removed, as long as this process remembers. */
  formerMember(id: MemberId): MemberRecord | undefined {
    return this.#former.get(id);
  }

  groupNamed(name: string): GroupRecord | undefined {
    return this.#state.groups.find((group) => group.name === name);
  }

  /** Whether there was a group of that id, and is none any more. */
  isRemovedGroup(id: GroupId): boolean {
    const { groups, nextGroupId } = this.#state;
    return id !== 0 && id < nextGroupId && !groups.some((group) => group.id === id);
  }

  /** How many groups were ever removed. */
  get removedGroupCount(): number {
    return this.#state.nextGroupId - this.#state.groups.length;
  }

  apply(command: Uint8Array, _context: CommandContext): Outcome {
    try {
      const value = this.#take(decodeSystemCommand(command));
      this.#changed();
      return { ok: true, value };
    } catch (error) {
      if (error instanceof QuorateError) return { ok: false, error };
      throw error;
    }
  }

  #take(command: SystemCommand): unknown {
    switch (command.type) {
      case 'add-member':
        return this.#addMember(command);
      case 'update-member':
        return this.#updateMember(command);
      case 'remove-member':
        return this.#removeMember(command.id);
      case 'announce-learner':
        return this.#announceLearner(command.address);
      case 'retract-learner':
        return this.#setLearnerAddresses(this.#addressesWithout(command.address));
      case 'promote-member':
        return this.#promoteMember(command.id);
      case 'add-group':
        return this.#addGroup({ name: command.name, voters: command.voters });
      case 'restore-group':
        return this.#restoreGroup(command);
      case 'remove-group':
        return this.#removeGroup(command.id);
      case 'stand-alone':
        return this.#standAlone(command);
    }
  }

  /** The same directory asking again, after an answer was lost, gets the same id. */
  #addMember(command: SystemCommand & { type: 'add-member' }): MemberRecord {
    const { name, incarnation, address, tags } = command;
    const { members, nextMemberId } = this.#state;
    const again = members.find((member) => member.incarnation === incarnation);
    if (again !== undefined) return again;
    if (members.some((member) => member.name === name)) {
      throw new QuorateError('name-taken', `there is a member named ${name} already`);
    }
    if (members.length >= membersMax) {
      throw new QuorateError('over-quota', `a cluster has at most ${membersMax} members`);
    }
    const known = { id: nextMemberId, name, incarnation, address, tags };
    const announced = this.#state.learnerAddresses?.includes(address) === true;
    const added: MemberRecord = announced ? { ...known, awaitsPromotion: true } : known;
    this.#state = {
      ...this.#state,
      members: [...members, added],
      nextMemberId: nextMemberId + 1,
    };
    if (announced) this.#setLearnerAddresses(this.#addressesWithout(address));
    return added;
  }

  #announceLearner(address: string): void {
    const others = this.#addressesWithout(address);
    if (others.length >= membersMax) {
      throw new QuorateError('over-quota', `at most ${membersMax} learners can be announced`);
    }
    this.#setLearnerAddresses([...others, address]);
  }

  #addressesWithout(address: string): readonly string[] {
    return (this.#state.learnerAddresses ?? []).filter((each) => each !== address);
  }

  #setLearnerAddresses(learnerAddresses: readonly string[]): void {
    this.#state = { ...this.#state, learnerAddresses };
  }

  #promoteMember(id: MemberId): MemberRecord {
    const { awaitsPromotion: _, ...promoted } = this.#known(id);
    const members = this.#state.members.map((member) => (member.id === id ? promoted : member));
    this.#state = { ...this.#state, members };
    return promoted;
  }

  #updateMember(command: SystemCommand & { type: 'update-member' }): MemberRecord {
    const { id, incarnation, address, tags } = command;
    const known = this.#known(id);
    if (incarnation !== undefined && (known.incarnation ?? incarnation) !== incarnation) {
      throw new QuorateError(
        'wrong-incarnation',
        `member ${id} is known with another directory: it must be removed and added anew`,
      );
    }
    const updated = {
      ...known,
      incarnation: known.incarnation ?? incarnation,
      address: address ?? known.address,
      tags: tags ?? known.tags,
    };
    const members = this.#state.members.map((member) => (member.id === id ? updated : member));
    this.#state = { ...this.#state, members };
    return updated;
  }

  #removeMember(id: MemberId): MemberRecord {
    const known = this.#known(id);
    const { members, removed } = this.#state;
    if (members.length === 1) {
      throw new QuorateError('unsafe-change', 'the last member cannot be removed');
    }
    this.#former.set(id, known);
    this.#state = {
      ...this.#state,
      members: members.filter((member) => member.id !== id),
      removed: [...removed, id],
    };
    return known;
  }

  #standAlone({ id, groups }: SystemCommand & { type: 'stand-alone' }): MemberRecord {
    const self = this.#promoteMember(id);
    const others = this.#state.members.filter((member) => member.id !== id);
    for (const other of others) this.#former.set(other.id, other);
    this.#state = {
      ...this.#state,
      members: [self],
      removed: [...this.#state.removed, ...others.map((other) => other.id)],
      // A group that it has never taken part in begins here once more.
      groups: this.#state.groups.map((group) =>
        groups.includes(group.id) ? group : { id: group.id, name: group.name, voters: [id] },
      ),
    };
    return self;
  }

  #known(id: MemberId): MemberRecord {
    const known = this.member(id);
    if (known !== undefined) return known;
    throw new QuorateError('unknown-member', `there is no member ${id}`);
  }

  /** Opening a group that is there already gives that one. */
  #addGroup(group: Omit<GroupRecord, 'id'>): GroupRecord {
    const { groups, nextGroupId } = this.#state;
    const known = this.groupNamed(group.name);
    if (known !== undefined) return known;
    if (groups.length >= groupsMax) {
      throw new QuorateError('over-quota', `a cluster has at most ${groupsMax} groups`);
    }
    const added = { id: nextGroupId, ...group };
    this.#state = { ...this.#state, groups: [...groups, added], nextGroupId: nextGroupId + 1 };
    return added;
  }

  /** A restored group is always a new one; the same restoring asking again gets its own. */
  #restoreGroup(command: SystemCommand & { type: 'restore-group' }): GroupRecord {
    const { name, voters, restored } = command;
    const added = this.#addGroup({ name, voters, restored });
    if (added.restored === restored) return added;
    throw new QuorateError('group-exists', `there is a group ${name} already`);
  }

  #removeGroup(id: GroupId): GroupRecord {
    const known = this.#state.groups.find((group) => group.id === id);
    if (known === undefined) throw new QuorateError('unknown-group', `there is no group ${id}`);
    this.#state = { ...this.#state, groups: this.#state.groups.filter((group) => group.id !== id) };
    return known;
  }

  snapshot(): Iterator<Uint8Array, void> {
    return [new TextEncoder().encode(JSON.stringify(this.#state))].values();
  }

  restore(): MachineRestore {
    const decoder = new TextDecoder();
    let text = '';
    return {
      chunk: (bytes) => {
        text += decoder.decode(bytes, { stream: true });
      },
      finish: () => {
        this.#state = JSON.parse(text + decoder.decode()) as SystemState;
        this.#changed();
      },
    };
  }
}

export function encodeSystemCommand(command: SystemCommand): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(command));
}

/** Only members write these, and each through {@link encodeSystemCommand}. */
function decodeSystemCommand(bytes: Uint8Array): SystemCommand {
  return JSON.parse(new TextDecoder().decode(bytes)) as SystemCommand;
}
