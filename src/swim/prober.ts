/**
 * SWIM's failure detector. In each interval one member, the next of a shuffled round, is pinged. If
 * its ack is late, k others are asked to ping it in our stead, and TCP is tried; who has not
 * answered by any way when the interval ends becomes a suspect. So each is probed within 2n − 1
 * intervals, at a cost that does not grow with the cluster.
 *
 * Lifeguard adds: the interval grows while we are ourselves in bad health; helpers who get no
 * answer say so (a nack), whose absence tells that it is us whom nobody hears; and a suspect learns
 * of the suspicion from the very ping that probes it.
 */
import type { Address } from './api.ts';
import type { Awareness } from './awareness.ts';
import type { Context } from './context.ts';
import type { Disseminator } from './disseminator.ts';
import { isGone, type MemberRecord, type MemberTable } from './member-table.ts';
import type { Membership } from './membership.ts';
import { protocolOf } from './protocol-versions.ts';
import type { Timer } from './timers.ts';
import {
  type AckMessage,
  encodeAck,
  encodeIndirectPing,
  encodeNack,
  encodePing,
  encodeSuspect,
  type IndirectPingMessage,
  type NackMessage,
  type PingMessage,
  type ProbeSource,
} from './wire/messages.ts';
import { encodeCompound } from './wire/packet.ts';

/** When an early nack is sent, as a share of the probe timeout. */
const earlyNackShare = 0.8;
/** Probes in others' stead under way at once; more are not helped. */
const relaysMax = 1_024;

/** What the prober needs of others. */
export interface ProberHost {
  /** What our acks carry to members. */
  ackPayload(): Uint8Array | undefined;
  /** A direct ack came back. */
  acked(record: MemberRecord, roundTripMs: number, payload: Uint8Array | undefined): void;
  /** Pings over TCP; `contact` is called if it is answered in time. */
  pingOverTcp(options: {
    address: Address;
    message: Uint8Array;
    sequence: number;
    timeoutMs: number;
    contact: () => void;
  }): void;
}

interface Probe {
  readonly record: MemberRecord;
  readonly sequence: number;
  readonly sentMs: number;
  readonly deadlineMs: number;
  timer: Timer;
  /** Whether only the target itself has been asked so far. */
  direct: boolean;
  nacksExpected: number;
  nacks: number;
  reachedOverTcp: boolean;
}

/** A ping that we sent for somebody else. */
interface Relay {
  readonly replyTo: Address;
  readonly sequence: number;
  readonly nackTimer: Timer | undefined;
  readonly endTimer: Timer;
}

export class Prober {
  readonly #context: Context;
  readonly #table: MemberTable;
  readonly #membership: Membership;
  readonly #disseminator: Disseminator;
  readonly #awareness: Awareness;
  readonly #host: ProberHost;
  readonly #source: ProbeSource;
  /** At most one probe is under way. */
  #probe: Probe | undefined;
  /** The last that failed, while nacks for it may still come. */
  #late: Probe | undefined;
  readonly #relays = new Map<number, Relay>();
  #sequence = 0;

  constructor(parts: {
    context: Context;
    table: MemberTable;
    membership: Membership;
    disseminator: Disseminator;
    awareness: Awareness;
    host: ProberHost;
  }) {
    this.#context = parts.context;
    this.#table = parts.table;
    this.#membership = parts.membership;
    this.#disseminator = parts.disseminator;
    this.#awareness = parts.awareness;
    this.#host = parts.host;
    const { address, name } = parts.membership.self;
    this.#source = { address, name };
  }

  start(): void {
    this.#context.every(
      () => this.#context.settings.probeIntervalMs,
      () => this.#tick(),
    );
  }

  /** Answers a ping, unless it is for somebody who was at our address before us. */
  ping(message: PingMessage, from: Address): void {
    const { self } = this.#membership;
    if (message.node !== '' && message.node !== self.name) {
      this.#context.count('ping-for-another');
      return;
    }
    const to = this.#answerAddress(message.source, from);
    // To an address that is no member's, the answer is smaller than the question.
    const payload = this.#table.knowsAddress(to) ? this.#host.ackPayload() : undefined;
    this.#disseminator.sendWithNews(to, encodeAck({ sequence: message.sequence, payload }));
  }

  /** Pings in somebody's stead. */
  indirectPing(message: IndirectPingMessage, from: Address): void {
    if (this.#relays.size >= relaysMax) {
      this.#context.count('relays-full');
      return;
    }
    const { settings } = this.#context;
    const replyTo = this.#answerAddress(message.source, from);
    const sequence = this.#nextSequence();
    const share = settings.lifeguard.earlyNack ? earlyNackShare : 1;
    this.#relays.set(sequence, {
      replyTo,
      sequence: message.sequence,
      nackTimer: message.nack
        ? this.#context.after(settings.probeTimeoutMs * share, () =>
            this.#disseminator.sendWithNews(replyTo, encodeNack(message.sequence)),
          )
        : undefined,
      endTimer: this.#context.after(settings.probeTimeoutMs, () => this.#relays.delete(sequence)),
    });
    const ping = encodePing({ sequence, node: message.node, source: this.#source });
    this.#disseminator.sendWithNews(message.target, ping);
  }

  ack(message: AckMessage): void {
    const relay = this.#relays.get(message.sequence);
    if (relay !== undefined) {
      this.#relays.delete(message.sequence);
      relay.nackTimer?.cancel();
      relay.endTimer.cancel();
      const ack = encodeAck({ sequence: relay.sequence, payload: undefined });
      this.#disseminator.sendWithNews(relay.replyTo, ack);
      return;
    }
    const probe = this.#probe;
    if (probe === undefined || probe.sequence !== message.sequence) return;
    this.#endProbe(probe, -1);
    if (!probe.direct) return;
    this.#host.acked(probe.record, this.#context.nowMs - probe.sentMs, message.payload);
  }

  nack(message: NackMessage): void {
    for (const probe of [this.#probe, this.#late]) {
      if (probe?.sequence === message.sequence) probe.nacks++;
    }
  }

  #tick(): void {
    // A probe that failed takes the whole interval, or several in bad health.
    if (this.#probe !== undefined) return;
    const { nowMs, settings } = this.#context;
    const record = this.#table.nextToProbe(
      (candidate) => candidate !== this.#membership.self && !isGone(candidate),
      (candidate) =>
        !isGone(candidate) || nowMs - candidate.stateChangeMs <= settings.gossipToTheDeadMs,
    );
    if (record !== undefined) this.#start(record);
  }

  #start(record: MemberRecord): void {
    const { nowMs, settings } = this.#context;
    const sequence = this.#nextSequence();
    const intervalMs = this.#awareness.scaled(settings.probeIntervalMs);
    this.#probe = {
      record,
      sequence,
      sentMs: nowMs,
      deadlineMs: nowMs + intervalMs,
      timer: this.#context.after(settings.probeTimeoutMs, () => this.#askOthers()),
      direct: true,
      nacksExpected: 0,
      nacks: 0,
      reachedOverTcp: false,
    };
    this.#context.count('probes');
    const ping = encodePing({ sequence, node: record.name, source: this.#source });
    if (record.state === 'alive' || !settings.lifeguard.buddy) {
      this.#disseminator.sendWithNews(record.address, ping);
      return;
    }
    const { name, incarnation } = record;
    const suspect = encodeSuspect({ incarnation, node: name, from: this.#source.name });
    const checksum = record.versions[1]! >= protocolOf.checksum;
    this.#disseminator.send(record.address, encodeCompound([ping, suspect]), checksum);
  }

  #askOthers(): void {
    const probe = this.#probe!;
    const { record, sequence } = probe;
    const { nowMs, settings } = this.#context;
    probe.direct = false;
    this.#context.count('probes-indirect');
    const helpers = this.#table.pick(
      settings.indirectChecks,
      (peer) => peer.state === 'alive' && peer !== record && peer !== this.#membership.self,
    );
    for (const helper of helpers) {
      const nack = settings.lifeguard.localHealth && helper.versions[1]! >= protocolOf.nack;
      if (nack) probe.nacksExpected++;
      const target = record.address;
      const request = { sequence, target, node: record.name, nack, source: this.#source };
      this.#disseminator.sendWithNews(helper.address, encodeIndirectPing(request));
    }
    if (settings.tcpFallback && record.versions[1]! >= protocolOf.tcpPing) {
      this.#host.pingOverTcp({
        address: record.address,
        message: encodePing({ sequence, node: record.name, source: this.#source }),
        sequence,
        timeoutMs: probe.deadlineMs - nowMs,
        contact: () => {
          probe.reachedOverTcp = true;
        },
      });
    }
    probe.timer = this.#context.timers.at(probe.deadlineMs, () => this.#judge());
  }

  #judge(): void {
    const probe = this.#probe!;
    const { record } = probe;
    if (probe.reachedOverTcp) {
      this.#context.count('probes-only-tcp');
      this.#context.log(
        'warn',
        `'${record.name}' answers over TCP but not over UDP: is UDP between us blocked?`,
      );
      this.#endProbe(probe, -1);
      return;
    }
    this.#context.count('probes-failed');
    this.#endProbe(probe, 0);
    this.#judgeOurselves(probe);
    // It may have been forgotten, or have died, while we waited.
    if (this.#table.get(record.name) !== record || isGone(record)) return;
    this.#context.log('info', `'${record.name}' is suspected: no answer to a probe`);
    const { name, incarnation } = record;
    this.#membership.suspect({ incarnation, node: name, from: this.#source.name });
  }

  /** Who hears none of its helpers is itself in bad health. */
  #judgeOurselves(probe: Probe): void {
    const score = () => {
      this.#late = undefined;
      const nacksMissing = Math.max(0, probe.nacksExpected - probe.nacks);
      this.#awareness.adjust(probe.nacksExpected > 0 ? nacksMissing : 1);
    };
    const { lifeguard, probeTimeoutMs } = this.#context.settings;
    if (!lifeguard.earlyNack || probe.nacks >= probe.nacksExpected) {
      score();
      return;
    }
    // Those of other make send their nacks so that they come just now.
    this.#late = probe;
    this.#context.after(probeTimeoutMs * (1 - earlyNackShare), score);
  }

  #endProbe(probe: Probe, awarenessDelta: number): void {
    probe.timer.cancel();
    this.#probe = undefined;
    this.#awareness.adjust(awarenessDelta);
  }

  /**
   * Where an answer goes: the address that the sender claims, if a member is there, else where the
   * packet came from. A claim alone must not let anyone aim our answers.
   */
  #answerAddress(source: ProbeSource | undefined, from: Address): Address {
    return source !== undefined && this.#table.knowsAddress(source.address) ? source.address : from;
  }

  #nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    return this.#sequence;
  }
}
