/**
 * What the member does about the system group: it tells the cluster who it is, keeps its links to
 * who the members are, and, for groups that it leads, brings their configurations to that.
 */
import { QuorateError } from '../base/errors.ts';
import type { MemberId } from '../raft/entry.ts';
import { encodeChange } from '../raft/wire/change.ts';
import type { Outcome } from './machine.ts';
import type { PeerRecord } from './peers/greeter.ts';
import { nextStep } from './reconcile.ts';
import type { Replica } from './replica.ts';
import {
  encodeSystemCommand,
  type MemberRecord,
  type SystemCommand,
  type SystemMachine,
} from './system-machine.ts';

/** How this member presents itself. */
export interface Presence {
  readonly self: MemberId;
  readonly incarnation: number;
  readonly address: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** What this needs of the engine. */
export interface ClusterHost {
  replicas(): Iterable<Replica>;
  /** Proposes to the system group on the engine's own behalf. */
  propose(command: Uint8Array, done: (outcome: Outcome) => void): void;
  setPeers(records: ReadonlyMap<MemberId, PeerRecord>): void;
  /** This member is no longer part of anything. */
  left(): void;
}

/** Ticks between two looks at what may be behind; changes are looked at when they come. */
const LOOK_EVERY_TICKS = 4;

export class Cluster {
  readonly system: SystemMachine;
  readonly #presence: Presence;
  readonly #host: ClusterHost;
  #told: readonly MemberRecord[];
  readonly #hints: ReadonlyMap<string, string>;
  #registering = false;
  /** Done once in a life: an address that is set for this member afterwards is meant. */
  #registered = false;
  #ticksToLook = 0;

  constructor(init: {
    readonly system: SystemMachine;
    readonly presence: Presence;
    readonly host: ClusterHost;
    /** The members as this one was told when it joined. */
    readonly told: readonly MemberRecord[];
    /** Where members may be as well, by name. */
    readonly hints: ReadonlyMap<string, string>;
  }) {
    this.system = init.system;
    this.#presence = init.presence;
    this.#host = init.host;
    this.#told = init.told;
    this.#hints = init.hints;
  }

  get self(): MemberRecord | undefined {
    return this.system.member(this.#presence.self);
  }

  tick(): void {
    if (--this.#ticksToLook > 0) return;
    this.#ticksToLook = LOOK_EVERY_TICKS;
    this.#register();
    for (const replica of this.#host.replicas()) this.#reconcile(replica);
  }

  /** A member says who the members are: of some this one's own state may not know yet. */
  heard(members: readonly MemberRecord[]): void {
    const byId = new Map([...this.#told, ...members].map((member) => [member.id, member]));
    const { nextMemberId } = this.system.state;
    this.#told = [...byId.values()].filter(({ id }) => id >= nextMemberId);
    this.#host.setPeers(this.#peerRecords());
  }

  /** The system group's state or a group's configuration has changed. */
  changed(): void {
    this.#ticksToLook = 0;
    this.#host.setPeers(this.#peerRecords());
    if (this.#isOut()) this.#host.left();
  }

  /** Who may talk to us: the members, and whoever still is part of a group here. */
  #peerRecords(): ReadonlyMap<MemberId, PeerRecord> {
    const records = new Map<MemberId, PeerRecord>();
    const { members, removed, nextMemberId } = this.system.state;
    // The state of who was away, or is new, is on its way through the past: it lacks who came since.
    const ahead = this.#told.filter(({ id }) => id >= nextMemberId);
    for (const { id, name, address, incarnation } of [...members, ...ahead]) {
      const hint = this.#hints.get(name);
      records.set(id, { name, address, hint, incarnation, removed: false });
    }
    for (const id of removed) {
      const known = this.system.formerMember(id);
      const { name, address, incarnation } = known ?? unknownMember;
      records.set(id, { name, address, incarnation, removed: !this.#takesPart(id) });
    }
    return records;
  }

  #takesPart(member: MemberId): boolean {
    for (const { configuration } of this.#host.replicas()) {
      const { voters, votersOutgoing, learners } = configuration;
      if ([voters, votersOutgoing, learners].some((set) => set.includes(member))) return true;
    }
    return false;
  }

  #isOut(): boolean {
    const { self } = this.#presence;
    return this.system.state.removed.includes(self) && !this.#takesPart(self);
  }

  /** Tells the cluster this directory's incarnation, and where we are now. */
  #register(): void {
    const known = this.self;
    if (known === undefined || this.#registering || this.#registered) return;
    const { self: id, incarnation, address, tags } = this.#presence;
    const same =
      known.incarnation === incarnation && known.address === address && alike(known.tags, tags);
    this.#registered = same;
    if (same) return;
    this.#registering = true;
    const command: SystemCommand = { type: 'update-member', id, incarnation, address, tags };
    this.#host.propose(encodeSystemCommand(command), (outcome) => {
      this.#registering = false;
      this.#registered ||= outcome.ok;
    });
  }

  #reconcile(replica: Replica): void {
    if (replica.role !== 'leader') return;
    const { members } = this.system.state;
    const learners = members.filter(({ awaitsPromotion }) => awaitsPromotion);
    const wanted = { members: idsOf(members), learners: idsOf(learners) };
    const step = nextStep(replica.raft.status(), wanted);
    if (step === undefined) return;
    if (step.type === 'transfer') {
      replica.step({ type: 'transfer-leadership', target: step.target });
      return;
    }
    const entries = [{ type: 'configuration' as const, data: encodeChange(step.change) }];
    replica.step({ type: 'propose', entries });
  }
}

function idsOf(members: readonly MemberRecord[]): ReadonlySet<MemberId> {
  return new Set(members.map(({ id }) => id));
}

const unknownMember = { name: '', address: '', incarnation: undefined };

function alike(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/** Why a member ends that the cluster has let go. */
export function removedError(self: MemberId): QuorateError {
  return new QuorateError('removed-member', `member ${self} was removed from the cluster`);
}

/** Why a member ends whose directory is not the one that the cluster knows. */
export function directoryError(self: MemberId): QuorateError {
  const text = `the cluster knows member ${self} with another directory: remove it, and add it anew`;
  return new QuorateError('wrong-incarnation', text);
}
