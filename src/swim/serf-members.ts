/**
 * Serf's view of members, above SWIM's. A member that means to leave says so first, by an *intent*
 * with a Lamport time: when SWIM then finds it gone, it has left, and did not fail. Intents may
 * come before or after what they are about, by gossip or by push/pull, several times and out of
 * order; so each member has the time of the last intent that was heeded, and older ones are
 * ignored.
 *
 * Invariants: a member's `statusTime` never decreases; `failed` and `left` members have `goneMs`.
 */
import type { Address, Member, MemberChange, MemberStatus } from './api.ts';
import type { BroadcastQueue } from './broadcast-queue.ts';
import type { Context } from './context.ts';
import type { LamportClock } from './lamport-clock.ts';
import { isGone, type MemberRecord } from './member-table.ts';
import { readVersions } from './protocol-versions.ts';
import { decodeTags } from './wire/decode-serf.ts';
import { encodeUser } from './wire/messages.ts';
import { encodeJoin, encodeLeave, type LeaveIntent, type SerfState } from './wire/serf-messages.ts';
import { WireError } from './wire/wire-error.ts';

/** What Serf knows of a member; it outlives SWIM's record. */
interface SerfMember {
  /** As last seen; its address and tags are kept here. */
  record: MemberRecord;
  status: MemberStatus;
  statusTime: number;
  /** When it left or failed. */
  goneMs: number;
  leavingSinceMs: number;
  /** Forget it as soon as it is gone. */
  prune: boolean;
  /** What was handed out, until something changes. */
  snapshot: Member | undefined;
}

/** An intent about somebody whom we do not know yet. */
interface EarlyIntent {
  readonly type: 'join' | 'leave';
  readonly lamportTime: number;
  readonly heardMs: number;
}

export class SerfMembers {
  readonly #context: Context;
  readonly #clock: LamportClock;
  readonly #queue: BroadcastQueue;
  readonly #self: string;
  readonly #forgotten: (name: string) => void;
  readonly #members = new Map<string, SerfMember>();
  readonly #earlyIntents = new Map<string, EarlyIntent>();
  /** Set once we mean to go: then what is said of our leaving is true. */
  leaving = false;

  constructor(parts: {
    context: Context;
    clock: LamportClock;
    queue: BroadcastQueue;
    self: string;
    /** Called for each member that is no longer known. */
    forgotten: (name: string) => void;
  }) {
    this.#context = parts.context;
    this.#clock = parts.clock;
    this.#queue = parts.queue;
    this.#self = parts.self;
    this.#forgotten = parts.forgotten;
  }

  get(name: string): Member | undefined {
    const member = this.#members.get(name);
    return member === undefined ? undefined : snapshotOf(member);
  }

  all(): Member[] {
    return [...this.#members.values()].map(snapshotOf);
  }

  count(status: MemberStatus): number {
    let count = 0;
    for (const member of this.#members.values()) if (member.status === status) count++;
    return count;
  }

  /** SWIM found a member alive. */
  joined(record: MemberRecord): void {
    const known = this.#members.get(record.name);
    if (known !== undefined) {
      known.record = record;
      known.status = 'alive';
      known.prune = false;
      this.#tell('join', known);
      return;
    }
    const early = this.#earlyIntents.get(record.name);
    this.#earlyIntents.delete(record.name);
    const member: SerfMember = {
      record,
      status: early?.type === 'leave' ? 'leaving' : 'alive',
      statusTime: early?.lamportTime ?? 0,
      goneMs: 0,
      leavingSinceMs: this.#context.nowMs,
      prune: false,
      snapshot: undefined,
    };
    this.#members.set(record.name, member);
    this.#tell('join', member);
  }

  /** A member's tags or address changed. */
  updated(record: MemberRecord): void {
    const member = this.#members.get(record.name);
    if (member === undefined) return;
    member.record = record;
    this.#tell('update', member);
  }

  /** SWIM found a member dead, or it said that it left. */
  gone(record: MemberRecord): void {
    const member = this.#members.get(record.name);
    if (member === undefined || member.status === 'left' || member.status === 'failed') return;
    // Its own word counts as much as its intent, which may have been lost.
    const left = member.status === 'leaving' || record.state === 'left';
    member.status = left ? 'left' : 'failed';
    member.goneMs = this.#context.nowMs;
    this.#tell(left ? 'leave' : 'failed', member);
    if (left && member.prune) this.#erase(member);
  }

  /** Heeds an intent to leave; true if it is news that should be gossiped on. */
  leaveIntent(intent: Omit<LeaveIntent, 'type'>): boolean {
    this.#clock.witness(intent.lamportTime);
    const member = this.#members.get(intent.node);
    if (member === undefined) return this.#keepEarly('leave', intent.node, intent.lamportTime);
    if (intent.node === this.#self && !this.leaving) {
      // Somebody forces us out, or remembers an earlier life of ours: we are here. Even at the very
      // time of our last join, for whoever heard the leave first will not heed that join.
      if (intent.lamportTime < member.statusTime) return false;
      this.#context.count('leave-refuted');
      this.announceJoin();
      return false;
    }
    if (intent.lamportTime <= member.statusTime) return false;
    member.statusTime = intent.lamportTime;
    if (member.status === 'alive') {
      member.status = 'leaving';
      member.leavingSinceMs = this.#context.nowMs;
      member.snapshot = undefined;
      member.prune = intent.prune;
    } else if (member.status === 'failed') {
      member.status = 'left';
      this.#tell('leave', member);
    }
    if (intent.prune) {
      // One that is still on its way out is forgotten when it is gone.
      if (member.status === 'left') {
        this.#erase(member);
        // The intent itself is still going round: it is no news to us.
        this.#keepEarly('leave', intent.node, intent.lamportTime);
      } else member.prune = true;
    }
    return true;
  }

  /** Heeds an intent to join; true if it is news that should be gossiped on. */
  joinIntent(node: string, lamportTime: number): boolean {
    this.#clock.witness(lamportTime);
    const member = this.#members.get(node);
    if (member === undefined) return this.#keepEarly('join', node, lamportTime);
    if (lamportTime <= member.statusTime) return false;
    member.statusTime = lamportTime;
    if (member.status === 'leaving') this.#stay(member);
    return true;
  }

  /** Says that we are here, later than anything that was said of us. */
  announceJoin(): void {
    const lamportTime = this.#clock.tick();
    this.joinIntent(this.#self, lamportTime);
    this.#gossip(encodeJoin({ lamportTime, node: this.#self }));
  }

  /** Says that a member leaves; `sent` is called once that was sent often enough. */
  announceLeave(node: string, options: { prune: boolean; sent: () => void }): void {
    const lamportTime = this.#clock.tick();
    const intent = { lamportTime, node, prune: options.prune };
    this.leaveIntent(intent);
    this.#queue.add({ bytes: encodeUser(encodeLeave(intent)), finished: options.sent });
  }

  /** Our part of a push/pull. */
  fillState(): Pick<SerfState, 'statusTimes' | 'leftMembers'> {
    const statusTimes = new Map<string, number>();
    const leftMembers: string[] = [];
    for (const [name, member] of this.#members) {
      statusTimes.set(name, member.statusTime);
      if (member.status === 'left') leftMembers.push(name);
    }
    return { statusTimes, leftMembers };
  }

  /** Learns from a push/pull. Who has left comes first, else joins would outdate it. */
  mergeState(state: SerfState): void {
    const left = new Set(state.leftMembers);
    for (const node of left) {
      const heeded = state.statusTimes.get(node) ?? 0;
      const lamportTime = Math.min(heeded + 1, Number.MAX_SAFE_INTEGER);
      this.leaveIntent({ node, lamportTime, prune: false });
    }
    for (const [node, lamportTime] of state.statusTimes) {
      if (!left.has(node)) this.joinIntent(node, lamportTime);
    }
  }

  /** A failed member, at random, that may be worth another try; more likely if many failed. */
  pickFailed(): Address | undefined {
    const failed = [...this.#members.values()].filter(({ status }) => status === 'failed');
    if (failed.length === 0) return undefined;
    const alive = Math.max(1, this.count('alive'));
    if (this.#context.random.fraction() > failed.length / alive) return undefined;
    return failed[this.#context.random.below(failed.length)]!.record.address;
  }

  /** Forgets those whose time is over. */
  reap(): void {
    const { nowMs, settings } = this.#context;
    for (const member of this.#members.values()) {
      const goneForMs = nowMs - member.goneMs;
      if (member.status === 'failed' && goneForMs > settings.reconnectTimeoutMs) {
        this.#erase(member);
      } else if (member.status === 'left' && goneForMs > settings.tombstoneTimeoutMs) {
        this.#erase(member);
      } else if (member.status === 'leaving') this.#unstick(member);
    }
    for (const [name, intent] of this.#earlyIntents) {
      if (nowMs - intent.heardMs > settings.recentIntentTimeoutMs) this.#earlyIntents.delete(name);
    }
  }

  /**
   * A forced leave of a live member is refuted by it, but the refutation can get lost or come from
   * an older clock; then the original shows it as leaving for ever (serf #359). Who is still alive
   * long after every leave would have ended does not leave.
   */
  #unstick(member: SerfMember): void {
    if (member.record.name === this.#self || isGone(member.record)) return;
    const { broadcastTimeoutMs, leavePropagateDelayMs } = this.#context.settings;
    const leaveMaxMs = 3 * (broadcastTimeoutMs + leavePropagateDelayMs);
    if (this.#context.nowMs - member.leavingSinceMs <= leaveMaxMs) return;
    this.#context.count('leaving-unstuck');
    this.#stay(member);
  }

  #stay(member: SerfMember): void {
    member.status = 'alive';
    member.prune = false;
    member.snapshot = undefined;
  }

  #erase(member: SerfMember): void {
    const { name } = member.record;
    this.#members.delete(name);
    this.#forgotten(name);
    this.#tell('reap', member);
  }

  #keepEarly(type: 'join' | 'leave', node: string, lamportTime: number): boolean {
    const known = this.#earlyIntents.get(node);
    if (known !== undefined && lamportTime <= known.lamportTime) return false;
    if (known === undefined && this.#earlyIntents.size >= this.#context.settings.recentIntentsMax) {
      // To forget another instead would make that one news again when it comes back, and two
      // members would tell each other the same for ever.
      this.#context.count('intents-full');
      return false;
    }
    this.#earlyIntents.set(node, { type, lamportTime, heardMs: this.#context.nowMs });
    return true;
  }

  #gossip(message: Uint8Array): void {
    this.#queue.add({ bytes: encodeUser(message) });
  }

  #tell(change: MemberChange, member: SerfMember): void {
    member.snapshot = undefined;
    this.#context.emit({ type: 'member', change, member: snapshotOf(member) });
  }
}

function snapshotOf(member: SerfMember): Member {
  if (member.snapshot === undefined) {
    const { record, status } = member;
    member.snapshot = {
      name: record.name,
      address: record.address,
      tags: tagsOf(record.meta),
      status,
      versions: readVersions(record.versions),
      incarnation: record.incarnation,
    };
  }
  return member.snapshot;
}

/** A member whose tags make no sense has none. */
function tagsOf(meta: Uint8Array): ReadonlyMap<string, string> {
  try {
    return decodeTags(meta);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return new Map();
  }
}
