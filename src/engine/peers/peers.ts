/**
 * The member's links to the others: dialing, meeting, keeping alive, and what travels on them.
 *
 * One link a peer carries everything of all groups. Both sides dial while there is none; where two
 * come up, both sides keep the one whose dialer has the lower id. Nothing is kept for a peer
 * without a link: Raft sends again what is lost. A slow peer's queue is bounded, and costs nobody
 * else anything.
 */

import { ByteReader, ByteWriter } from '../../base/binary.ts';
import { QuorateError } from '../../base/errors.ts';
import type { Random } from '../../ports/random.ts';
import type { MemberId } from '../../raft/entry.ts';
import type { Message } from '../../raft/message.ts';
import type { GroupId } from '../log/log-write.ts';
import { type CallResult, Calls, decodeCall } from './calls.ts';
import { type Frame, frame } from './frame.ts';
import { Greeter, type PeerRecord, type Self } from './greeter.ts';
import { decodeError, decodeHello, encodeError, type Hello } from './hello.ts';
import { Link, type LinkId } from './link.ts';
import { decodeMessages, MessageBatch } from './message-batch.ts';
import type { PeerEffect, PeerEvent } from './peer-event.ts';

export interface PeerSettings {
  /** The largest frame. */
  readonly frameBytesMax: number;
  /** What may wait for one peer before Raft's messages to it are dropped. */
  readonly queueBytesMax: number;
  readonly pingAfterMs: number;
  /** A link that is silent for this long is dead. */
  readonly silenceMsMax: number;
  readonly handshakeMsMax: number;
  readonly dialBackoffMsMin: number;
  readonly dialBackoffMsMax: number;
  readonly callsMax: number;
}

export const peerDefaults: PeerSettings = {
  frameBytesMax: 64 * 2 ** 20,
  queueBytesMax: 64 * 2 ** 20,
  pingAfterMs: 1000,
  silenceMsMax: 4000,
  handshakeMsMax: 5000,
  dialBackoffMsMin: 50,
  dialBackoffMsMax: 2000,
  callsMax: 10_000,
};

/** What comes in. */
export interface PeerHandler {
  message(from: MemberId, group: GroupId, message: Message): void;
  /** A question; `answer` is called once, now or later. */
  call(
    from: MemberId,
    kind: number,
    payload: Uint8Array,
    answer: (result: CallResult) => void,
  ): void;
  peerUp(peer: MemberId): void;
  peerDown(peer: MemberId): void;
  /** Messages to this peer were dropped. */
  dropped(peer: MemberId): void;
  /** A link was refused, by us or by the other side. */
  refused(peer: MemberId, error: QuorateError): void;
}

/** What is known of reaching a peer. */
interface Reach {
  nextDialMs: number;
  backoffMs: number;
}

export interface PeerStatus {
  readonly peer: MemberId;
  readonly connected: boolean;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export class Peers {
  readonly #settings: PeerSettings;
  readonly #handler: PeerHandler;
  readonly #random: Random;
  readonly #greeter: Greeter;
  readonly #links = new Map<LinkId, Link>();
  /** The link in use for each peer. */
  readonly #upLinks = new Map<MemberId, Link>();
  readonly #reach = new Map<MemberId, Reach>();
  readonly #batches = new Map<MemberId, MessageBatch>();
  readonly #calls = new Calls();
  #records: ReadonlyMap<MemberId, PeerRecord> = new Map();
  #effects: PeerEffect[] = [];
  #nextLink = 1;
  #nowMs = 0;

  constructor(init: {
    readonly self: Self;
    readonly settings: PeerSettings;
    readonly handler: PeerHandler;
    readonly random: Random;
  }) {
    this.#settings = init.settings;
    this.#handler = init.handler;
    this.#random = init.random;
    this.#greeter = new Greeter(init.self, init.random);
  }

  /** Who the peers are. Links to those who are gone are closed. */
  setPeers(records: ReadonlyMap<MemberId, PeerRecord>): void {
    this.#records = records;
    this.#greeter.setPeers(records);
    for (const [peer, link] of this.#upLinks) {
      if (records.get(peer)?.removed !== false) this.#refuse(link, removed(peer));
    }
    for (const peer of this.#reach.keys()) if (!records.has(peer)) this.#reach.delete(peer);
  }

  handle(event: PeerEvent): void {
    if (event.type === 'link-accepted') {
      this.#open(event.link, { dialed: false, peer: 0, certifiedNames: event.certifiedNames });
      return;
    }
    const link = this.#links.get(event.link);
    if (link === undefined || (link.state === 'closed' && event.type !== 'link-closed')) return;
    if (event.type === 'link-connected') this.#connected(link);
    else if (event.type === 'link-received') this.#received(link, event.bytes);
    else if (event.type === 'link-blocked') link.blocked = event.blocked;
    else this.#closed(link, event.error);
  }

  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#calls.expire(nowMs);
    for (const link of this.#links.values()) this.#keepAlive(link);
    for (const [peer, record] of this.#records) {
      if (!record.removed && peer !== this.#greeter.self.member) this.#dialIfDue(peer, record);
    }
  }

  /** Connects to whoever answers at an address: for a process that wants to join. */
  dialAddress(address: string): LinkId {
    return this.#dial(0, address);
  }

  isLinkUp(link: LinkId): boolean {
    return this.#links.get(link)?.state === 'up';
  }

  closeLink(id: LinkId): void {
    const link = this.#links.get(id);
    if (link !== undefined) this.#drop(link);
  }

  isUp(peer: MemberId): boolean {
    return this.#upLinks.has(peer);
  }

  /** Sends at the end of the turn; without a link, or beyond the bound, the message is lost. */
  send(to: MemberId, group: GroupId, message: Message): void {
    const link = this.#upLinks.get(to);
    const batch = this.#batches.get(to);
    if (link === undefined || batch === undefined) return;
    if (batch.bytes + link.outgoingBytes > this.#settings.queueBytesMax) {
      this.#handler.dropped(to);
      return;
    }
    batch.add(group, message);
  }

  /** Asks a peer. `done` is called once. */
  call(
    to: MemberId,
    call: { readonly kind: number; readonly payload: Uint8Array; readonly deadlineMs: number },
    done: (result: CallResult) => void,
  ): void {
    const link = this.#upLinks.get(to);
    if (link === undefined || this.#calls.size >= this.#settings.callsMax) {
      const error = new QuorateError('unreachable', `there is no link to member ${to} now`);
      done({ ok: false, error });
      return;
    }
    // Order matters: what was sent before the question arrives before it.
    this.#flushBatch(to, link);
    link.push(...frame('call', [this.#calls.open(link.id, call, done)]));
  }

  /** Asks whoever is at the other end of a link that was dialed by address. */
  callLink(
    linkId: LinkId,
    call: { readonly kind: number; readonly payload: Uint8Array; readonly deadlineMs: number },
    done: (result: CallResult) => void,
  ): void {
    const link = this.#links.get(linkId);
    if (link?.state !== 'up') {
      done({ ok: false, error: new QuorateError('unreachable', 'the link is not up') });
      return;
    }
    link.push(...frame('call', [this.#calls.open(link.id, call, done)]));
  }

  /** Everything gathered in this turn: one write a link. */
  flush(): readonly PeerEffect[] {
    for (const [peer, link] of this.#upLinks) this.#flushBatch(peer, link);
    for (const link of this.#links.values()) {
      if (link.outgoing.length === 0 || link.state === 'dialing' || link.blocked) continue;
      this.#effects.push({ type: 'write', link: link.id, buffers: link.take() });
    }
    for (const link of this.#links.values()) {
      if (link.state === 'closed' && link.fault !== undefined) {
        this.#effects.push({ type: 'close', link: link.id });
        this.#links.delete(link.id);
      }
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  status(): readonly PeerStatus[] {
    return [...this.#records.keys()].map((peer) => {
      const link = this.#upLinks.get(peer);
      const { bytesIn, bytesOut } = link ?? { bytesIn: 0, bytesOut: 0 };
      return { peer, connected: link !== undefined, bytesIn, bytesOut };
    });
  }

  #open(
    id: LinkId,
    init: { dialed: boolean; peer: MemberId; certifiedNames?: readonly string[] | undefined },
  ): Link {
    const { frameBytesMax } = this.#settings;
    const link = new Link({ id, ...init, nowMs: this.#nowMs, frameBytesMax });
    this.#links.set(id, link);
    return link;
  }

  #dialIfDue(peer: MemberId, { address }: PeerRecord): void {
    for (const link of this.#links.values())
      if (link.peer === peer && link.state !== 'closed') return;
    const reach = this.#reachOf(peer);
    if (this.#nowMs < reach.nextDialMs) return;
    this.#dial(peer, address);
  }

  /** The side that is to keep its link dials first. */
  #reachOf(peer: MemberId): Reach {
    const known = this.#reach.get(peer);
    if (known !== undefined) return known;
    const { dialBackoffMsMin } = this.#settings;
    const patienceMs = this.#greeter.self.member < peer ? 0 : 10 * dialBackoffMsMin;
    const made = { nextDialMs: this.#nowMs + patienceMs, backoffMs: dialBackoffMsMin };
    this.#reach.set(peer, made);
    return made;
  }

  #dial(peer: MemberId, address: string): LinkId {
    const link = this.#open(this.#nextLink, { dialed: true, peer });
    this.#nextLink += 2;
    this.#effects.push({ type: 'dial', link: link.id, address, peer });
    return link.id;
  }

  #connected(link: Link): void {
    link.state = 'greeting';
    link.heardMs = this.#nowMs;
    link.push(...this.#greeter.greet(link));
  }

  #received(link: Link, bytes: Uint8Array): void {
    link.heardMs = this.#nowMs;
    link.bytesIn += bytes.length;
    try {
      const own = this.#greeter.strip(link, bytes);
      if (own === 'foreign') {
        this.#links.delete(link.id);
        this.#effects.push({ type: 'hand-over', link: link.id, bytes: link.preamble });
        return;
      }
      link.reader.push(own);
      for (let next = link.reader.next(); next !== undefined; next = link.reader.next()) {
        this.#frame(link, next);
        if (link.fault !== undefined) return;
      }
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      this.#refuse(link, error);
    }
  }

  #frame(link: Link, { type, payload }: Frame): void {
    if (link.state === 'greeting') {
      this.#greeting(link, { type, payload });
      return;
    }
    switch (type) {
      case 'ping':
        link.push(...frame('pong', []));
        return;
      case 'pong':
        return;
      case 'messages':
        for (const { group, message } of decodeMessages(
          payload,
          link.peer,
          this.#greeter.self.member,
        )) {
          this.#handler.message(link.peer, group, message);
        }
        return;
      case 'call':
        this.#called(link, payload);
        return;
      case 'answer':
        this.#answered(link, payload);
        return;
      case 'refusal':
        throw decodeError(payload);
      default:
        throw new QuorateError('malformed-message', `an unexpected ${type} frame`);
    }
  }

  #greeting(link: Link, { type, payload }: Frame): void {
    if (type === 'refusal') throw decodeError(payload);
    if (type !== 'hello' && type !== 'welcome' && type !== 'proof') {
      throw new QuorateError('malformed-message', `a ${type} frame before the handshake`);
    }
    const reply = this.#greeter.hear(link, type, type === 'proof' ? payload : decodeHello(payload));
    link.push(...reply.frames);
    if (reply.up !== undefined) this.#up(link, reply.up);
  }

  #up(link: Link, hello: Hello): void {
    link.hello = hello;
    link.peer = hello.member;
    link.state = 'up';
    if (link.peer === 0) return;
    const { dialBackoffMsMin } = this.#settings;
    this.#reach.set(link.peer, { nextDialMs: this.#nowMs, backoffMs: dialBackoffMsMin });
    const other = this.#upLinks.get(link.peer);
    if (other !== undefined && this.#preferred(other, link) === other) {
      this.#drop(link);
      return;
    }
    this.#upLinks.set(link.peer, link);
    if (other !== undefined) {
      this.#drop(other);
      return;
    }
    this.#batches.set(link.peer, new MessageBatch());
    this.#handler.peerUp(link.peer);
  }

  /** Of two links to one peer: that of the lower dialer; of one dialer's two, the newer. */
  #preferred(older: Link, newer: Link): Link {
    if (older.dialed === newer.dialed) return newer;
    const own = older.dialed ? older : newer;
    const theirs = older.dialed ? newer : older;
    return this.#greeter.self.member < newer.peer ? own : theirs;
  }

  #called(link: Link, payload: Uint8Array): void {
    const { id, kind, payload: body } = decodeCall(payload);
    this.#handler.call(link.peer, kind, body, (result) => {
      if (link.state !== 'up') return;
      const head = new ByteWriter(16)
        .number(id)
        .byte(result.ok ? 1 : 0)
        .finish();
      const rest = result.ok ? result.value : encodeError(result.error);
      if (link.peer !== 0) this.#flushBatch(link.peer, link);
      link.push(...frame('answer', [head, rest]));
    });
  }

  #answered(link: Link, payload: Uint8Array): void {
    const reader = new ByteReader(payload);
    const id = reader.number();
    const ok = reader.byte() === 1;
    const rest = reader.raw(reader.remaining);
    this.#calls.answered(link.id, id, ok ? { ok, value: rest } : { ok, error: decodeError(rest) });
  }

  #flushBatch(peer: MemberId, link: Link): void {
    const batch = this.#batches.get(peer);
    if (batch === undefined || batch.empty || this.#upLinks.get(peer) !== link) return;
    link.push(...frame('messages', batch.take()));
  }

  #keepAlive(link: Link): void {
    const { pingAfterMs, silenceMsMax, handshakeMsMax } = this.#settings;
    const silentMs = this.#nowMs - link.heardMs;
    if (link.state === 'up') {
      if (silentMs >= silenceMsMax)
        this.#refuse(link, new QuorateError('connection-lost', 'the link fell silent'));
      else if (silentMs >= pingAfterMs) link.push(...frame('ping', []));
    } else if (this.#nowMs - link.openedMs >= handshakeMsMax) {
      this.#refuse(link, new QuorateError('timeout', 'the handshake took too long'));
    }
  }

  /** Closes a link by name; the other side is told, if it listens. */
  #refuse(link: Link, error: QuorateError): void {
    if (link.state !== 'dialing') link.push(...frame('refusal', [encodeError(error)]));
    this.#handler.refused(link.peer, error);
    this.#end(link, error);
  }

  /** Closes a link that is not needed. */
  #drop(link: Link): void {
    this.#end(link, new QuorateError('connection-lost', 'another link to this member is in use'));
  }

  #closed(link: Link, error: QuorateError | null): void {
    this.#end(link, error ?? new QuorateError('connection-lost', 'the other side closed the link'));
    this.#links.delete(link.id);
  }

  #end(link: Link, fault: QuorateError): void {
    if (link.state === 'closed') return;
    link.state = 'closed';
    link.fault = fault;
    this.#calls.linkClosed(link.id);
    this.#backOff(link.peer);
    if (this.#upLinks.get(link.peer) !== link) return;
    this.#upLinks.delete(link.peer);
    this.#batches.delete(link.peer);
    this.#handler.peerDown(link.peer);
  }

  #backOff(peer: MemberId): void {
    const { dialBackoffMsMin, dialBackoffMsMax } = this.#settings;
    const reach = this.#reach.get(peer);
    if (reach === undefined) return;
    // Half of it is drawn, so that members that lost each other do not meet in step.
    const waitMs = reach.backoffMs * (0.5 + this.#random.fraction() / 2);
    reach.nextDialMs = this.#nowMs + waitMs;
    reach.backoffMs = Math.max(dialBackoffMsMin, Math.min(reach.backoffMs * 2, dialBackoffMsMax));
  }
}

function removed(peer: MemberId): QuorateError {
  return new QuorateError('removed-member', `member ${peer} is no longer part of the cluster`);
}
