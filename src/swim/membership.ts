/**
 * SWIM's rules of what to believe (Das, Gupta, Motivala 2002, section 4.2): who is alive, suspect,
 * dead or left, by incarnation numbers which only their owner raises.
 *
 * - *alive* overrides anything of a lower incarnation.
 * - *suspect* and *dead* override *alive* of the same or a lower incarnation.
 * - About ourselves we believe nothing bad: we refute it, with a higher incarnation.
 * - *dead* that a member says of itself means that it has left.
 *
 * Invariant: our own incarnation never decreases, and exceeds every one at which we were accused.
 */
import type { Address } from './api.ts';
import type { Awareness } from './awareness.ts';
import type { BroadcastQueue } from './broadcast-queue.ts';
import type { Context } from './context.ts';
import { isGone, type MemberRecord, type MemberTable, sameAddress } from './member-table.ts';
import { areVersionsSound, ourVersions } from './protocol-versions.ts';
import { Suspicion, suspicionMinMs } from './suspicion.ts';
import {
  type AliveMessage,
  type DeadMessage,
  encodeAlive,
  encodeDead,
  encodeSuspect,
  type PushPullNode,
  type SuspectMessage,
} from './wire/messages.ts';

/** Incarnations are 32 bits on the wire. */
export const incarnationMax = 0xffff_ffff;
/** One who announces what we know to be stale is told so, but not more often than this. */
const correctionIntervalMs = 1_000;

/** Who is to know what happens to members. */
export interface MembershipListener {
  joined(record: MemberRecord): void;
  updated(record: MemberRecord): void;
  gone(record: MemberRecord): void;
  /** Another address claims a name that is taken. */
  conflict(record: MemberRecord, claimant: Address): void;
  /** Sends one message to somebody who is behind. */
  correct(to: Address, message: Uint8Array): void;
}

export class Membership {
  readonly self: MemberRecord;
  readonly #context: Context;
  readonly #table: MemberTable;
  readonly #queue: BroadcastQueue;
  readonly #awareness: Awareness;
  readonly #listener: MembershipListener;
  #hasLeft = false;
  readonly #correctedMs = new Map<string, number>();

  constructor(parts: {
    context: Context;
    table: MemberTable;
    queue: BroadcastQueue;
    awareness: Awareness;
    listener: MembershipListener;
    self: { name: string; address: Address; meta: Uint8Array; incarnation: number };
  }) {
    this.#context = parts.context;
    this.#table = parts.table;
    this.#queue = parts.queue;
    this.#awareness = parts.awareness;
    this.#listener = parts.listener;
    this.self = parts.table.add({
      ...parts.self,
      versions: ourVersions,
      state: 'alive',
      stateChangeMs: parts.context.nowMs,
    });
    this.#announce();
  }

  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  alive(message: Omit<AliveMessage, 'type'>): void {
    const record = this.#table.get(message.node);
    if (message.node === this.self.name && this.#hasLeft) return;
    if (!areVersionsSound(message.versions)) {
      this.#context.count('alive-bad-versions');
      return;
    }
    if (record === undefined) this.#meet(message);
    else if (!sameAddress(record.address, message.address)) this.#moved(record, message);
    else if (record === this.self) this.#aliveSelf(message);
    else this.#aliveOther(record, message);
  }

  suspect(message: Omit<SuspectMessage, 'type'>): void {
    const record = this.#table.get(message.node);
    if (record === undefined) return;
    if (message.incarnation < record.incarnation) {
      if (record === this.self) this.#remind(message.from);
      return;
    }
    if (record.suspicion !== undefined) {
      if (record.suspicion.confirm(message.from)) {
        this.#context.count('suspicion-confirmed');
        this.#queue.add({ bytes: encodeSuspect(message), subject: record.name });
        this.#scheduleSuspicion(record);
      }
      return;
    }
    if (record.state !== 'alive') return;
    if (record === this.self) {
      this.#refute(message.incarnation);
      return;
    }
    this.#queue.add({ bytes: encodeSuspect(message), subject: record.name });
    record.incarnation = message.incarnation;
    this.#table.setState(record, 'suspect', this.#context.nowMs);
    this.#context.count('suspicion-started');
    this.#startSuspicion(record, message.from);
  }

  dead(message: Omit<DeadMessage, 'type'>, finished?: () => void): void {
    const record = this.#table.get(message.node);
    if (record === undefined || message.incarnation < record.incarnation) return;
    if (isGone(record)) return;
    if (record === this.self && !this.#hasLeft) {
      this.#refute(message.incarnation);
      return;
    }
    if (this.#wantsSecondOpinion(record, message)) return;
    this.#endSuspicion(record);
    const bytes = encodeDead(message);
    this.#queue.add(
      finished === undefined
        ? { bytes, subject: record.name }
        : { bytes, subject: record.name, finished },
    );
    record.incarnation = message.incarnation;
    const left = message.node === message.from;
    this.#table.setState(record, left ? 'left' : 'dead', this.#context.nowMs);
    this.#context.count(left ? 'member-left' : 'member-dead');
    this.#listener.gone(record);
  }

  /** Learns from a push/pull. The dead of others are only suspects to us: they may refute. */
  merge(nodes: readonly PushPullNode[]): void {
    for (const node of nodes) {
      const about = { incarnation: node.incarnation, node: node.name };
      if (node.state === 'alive') this.alive({ ...node, node: node.name });
      else if (node.state === 'left') this.dead({ ...about, from: node.name });
      else this.suspect({ ...about, from: this.self.name });
    }
  }

  /** Everything we know, as it goes into a push/pull. */
  nodes(): PushPullNode[] {
    return [...this.#table.all()].map((record) => ({
      name: record.name,
      address: record.address,
      meta: record.meta,
      incarnation: record.incarnation,
      state: record.state,
      versions: record.versions,
    }));
  }

  /** Tells everybody new meta data of ours. */
  updateMeta(meta: Uint8Array): void {
    this.self.meta = meta;
    this.self.incarnation = Math.min(incarnationMax, this.self.incarnation + 1);
    this.#announce();
    this.#listener.updated(this.self);
  }

  /** Tells everybody that we are gone; `sent` is called once that was sent often enough. */
  leave(sent: () => void): void {
    this.#hasLeft = true;
    const { name, incarnation } = this.self;
    this.dead({ incarnation, node: name, from: name }, sent);
  }

  /** Forgets the dead whose time is over. */
  reap(): void {
    const { deadRetentionMs } = this.#context.settings;
    for (const record of this.#table.all()) {
      if (record === this.self || !isGone(record)) continue;
      if (this.#context.nowMs - record.stateChangeMs > deadRetentionMs) this.#table.remove(record);
    }
    this.#correctedMs.clear();
  }

  #meet(message: Omit<AliveMessage, 'type'>): void {
    if (message.incarnation === 0) {
      this.#context.count('alive-without-incarnation');
      return;
    }
    if (this.#table.size >= this.#context.settings.membersMax) {
      this.#context.count('members-full');
      return;
    }
    const record = this.#table.add({
      name: message.node,
      address: message.address,
      meta: message.meta.slice(),
      versions: message.versions.slice(0, 6),
      incarnation: message.incarnation,
      state: 'alive',
      stateChangeMs: this.#context.nowMs,
    });
    this.#queue.add({ bytes: encodeAlive(message), subject: record.name });
    this.#listener.joined(record);
  }

  /** A known name at another address: a replaced machine if the old is gone, else a conflict. */
  #moved(record: MemberRecord, message: Omit<AliveMessage, 'type'>): void {
    const { deadNodeReclaimMs } = this.#context.settings;
    const deadForMs = this.#context.nowMs - record.stateChangeMs;
    const reclaimable =
      record.state === 'left' ||
      (record.state === 'dead' && deadNodeReclaimMs > 0 && deadForMs > deadNodeReclaimMs);
    if (!reclaimable) {
      this.#context.count('name-conflict');
      this.#listener.conflict(record, message.address);
      return;
    }
    // The newcomer's incarnation counts anew: it never heard of its predecessor's.
    this.#table.setAddress(record, message.address);
    this.#accept(record, message);
  }

  #aliveSelf(message: Omit<AliveMessage, 'type'>): void {
    const { self } = this;
    if (message.incarnation < self.incarnation) return;
    const isOurs =
      message.incarnation === self.incarnation &&
      sameBytes(message.meta, self.meta) &&
      sameBytes(message.versions, self.versions);
    if (isOurs) return;
    // Something of an earlier life of ours.
    this.#refute(message.incarnation);
  }

  #aliveOther(record: MemberRecord, message: Omit<AliveMessage, 'type'>): void {
    if (message.incarnation > record.incarnation) {
      this.#accept(record, message);
      return;
    }
    if (isGone(record) && message.incarnation <= record.incarnation) this.#tellItIsDead(record);
  }

  #accept(record: MemberRecord, message: Omit<AliveMessage, 'type'>): void {
    const wasGone = isGone(record);
    const changed = !sameBytes(record.meta, message.meta);
    this.#endSuspicion(record);
    this.#queue.add({ bytes: encodeAlive(message), subject: record.name });
    record.incarnation = message.incarnation;
    if (changed) record.meta = message.meta.slice();
    record.versions = message.versions.slice(0, 6);
    if (record.state !== 'alive') this.#table.setState(record, 'alive', this.#context.nowMs);
    if (wasGone) this.#listener.joined(record);
    else if (changed) this.#listener.updated(record);
  }

  /**
   * A member that came back with the incarnation of its youth does not know that it must refute;
   * told at once, it need not wait for a push/pull with one who remembers (memberlist #311).
   */
  #tellItIsDead(record: MemberRecord): void {
    if (record.state !== 'dead') return;
    if (!this.#mayCorrect(record.name)) return;
    const { name, incarnation } = record;
    const message = { incarnation, node: name, from: this.self.name };
    this.#listener.correct(record.address, encodeDead(message));
  }

  /** An accuser of ours has not heard our refutation. */
  #remind(accuser: string): void {
    const record = this.#table.get(accuser);
    if (record === undefined || this.#hasLeft) return;
    if (!this.#context.settings.lifeguard.lastCall || !this.#mayCorrect(accuser)) return;
    this.#listener.correct(record.address, this.#announcement());
  }

  #mayCorrect(name: string): boolean {
    const { nowMs } = this.#context;
    const lastMs = this.#correctedMs.get(name);
    if (lastMs !== undefined && nowMs - lastMs < correctionIntervalMs) return false;
    this.#correctedMs.set(name, nowMs);
    return true;
  }

  #refute(accused: number): void {
    const { self } = this;
    if (accused >= incarnationMax) {
      this.#context.count('incarnation-exhausted');
      return;
    }
    self.incarnation = Math.max(self.incarnation, accused) + 1;
    this.#awareness.adjust(1);
    this.#context.count('refuted');
    this.#announce();
  }

  #announce(): void {
    this.#queue.add({ bytes: this.#announcement(), subject: this.self.name });
  }

  #announcement(): Uint8Array {
    const { name, incarnation, address, meta, versions } = this.self;
    return encodeAlive({ incarnation, node: name, address, meta, versions });
  }

  /** Whether a death that another declared is only a suspicion to us, as yet. */
  #wantsSecondOpinion(record: MemberRecord, message: Omit<DeadMessage, 'type'>): boolean {
    if (!this.#context.settings.lifeguard.secondOpinion) return false;
    // Members speak for themselves, and we do.
    if (message.from === message.node || message.from === this.self.name) return false;
    this.suspect(message);
    const { suspicion } = record;
    if (suspicion === undefined) return false;
    suspicion.hasten();
    if (suspicion.endMs <= this.#context.nowMs) return false;
    this.#scheduleSuspicion(record);
    return true;
  }

  #startSuspicion(record: MemberRecord, firstAccuser: string): void {
    const { settings, nowMs } = this.#context;
    const members = this.#table.living;
    const { suspicionMult, probeIntervalMs, suspicionMaxTimeoutMult, lifeguard } = settings;
    const minMs = suspicionMinMs(suspicionMult, members, probeIntervalMs);
    // Too few members to confirm: then waiting for confirmations would only take longer.
    const expected = Math.max(0, suspicionMult - 2);
    const possible = lifeguard.dogpile && members - 2 >= expected;
    record.suspicion = new Suspicion({
      startMs: nowMs,
      firstAccuser,
      confirmationsExpected: possible ? expected : 0,
      minMs,
      maxMs: possible ? suspicionMaxTimeoutMult * minMs : minMs,
    });
    this.#scheduleSuspicion(record);
  }

  #scheduleSuspicion(record: MemberRecord): void {
    record.suspicionTimer?.cancel();
    const { nowMs, settings, timers } = this.#context;
    // What hastens the end may be the first that we hear after a while; what follows it may be the
    // refutation.
    const graceMs = settings.lifeguard.patience
      ? this.#awareness.score * settings.probeIntervalMs
      : 0;
    const atMs = Math.max(record.suspicion!.endMs, nowMs + graceMs);
    record.suspicionTimer = timers.at(atMs, () => this.#suspicionEnded(record));
    if (settings.lifeguard.lastCall) {
      timers.at(atMs - settings.probeTimeoutMs, () => this.#callLast(record, atMs));
    }
  }

  /** Tells a suspect of what will happen at `endMs`, unless that has changed meanwhile. */
  #callLast(record: MemberRecord, endMs: number): void {
    if (record.suspicionTimer?.atMs !== endMs) return;
    this.#context.count('last-calls');
    const { name, incarnation } = record;
    const message = encodeSuspect({ incarnation, node: name, from: this.self.name });
    this.#listener.correct(record.address, message);
  }

  #suspicionEnded(record: MemberRecord): void {
    const { name, incarnation } = record;
    const suspicion = record.suspicion!;
    const { startMs, endMs, confirmations } = suspicion;
    if (this.#context.settings.lifeguard.patience && suspicion.isLonely) {
      const patientEndMs = startMs + this.#awareness.scaled(endMs - startMs);
      if (patientEndMs > this.#context.nowMs) {
        this.#context.count('suspicion-prolonged');
        record.suspicionTimer = this.#context.timers.at(patientEndMs, () =>
          this.#suspicionEnded(record),
        );
        return;
      }
    }
    const heard = `${confirmations} confirmation${confirmations === 1 ? '' : 's'}`;
    this.#context.log('info', `'${name}' did not answer a suspicion with ${heard}: it is dead`);
    this.dead({ incarnation, node: name, from: this.self.name });
  }

  #endSuspicion(record: MemberRecord): void {
    record.suspicionTimer?.cancel();
    record.suspicionTimer = undefined;
    record.suspicion = undefined;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
