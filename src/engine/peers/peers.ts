/**
 * What travels on the member's links to the others: Raft's messages of all groups, questions and
 * answers. See links.ts for the links themselves.
 *
 * One link a peer carries everything of all groups. Nothing is kept for a peer without a link: Raft
 * sends again what is lost. A slow peer's queue is bounded, and costs nobody else anything.
 */
import { QuorateError } from '../../base/errors.ts';
import type { MemberId } from '../../raft/entry.ts';
import type { Message } from '../../raft/message.ts';
import type { GroupId } from '../log/log-write.ts';
import {
  CALL_BYTES,
  type Call,
  type CallResult,
  Calls,
  decodeAnswer,
  decodeCall,
  encodeAnswer,
} from './calls.ts';
import { EntryBlocks } from './entry-blocks.ts';
import type { Frame } from './frame.ts';
import type { PeerRecord } from './greeter.ts';
import type { Link, LinkId } from './link.ts';
import { type LinkOwner, Links, type LinksInit } from './links.ts';
import { MessageBatch, readMessages } from './message-batch.ts';
import type { PeerEffect, PeerEvent } from './peer-event.ts';
import type { PeerHandler, PeerStatus, RefusalOrigin } from './peer-handler.ts';
import { type PeerSettings, peerDefaults } from './peer-settings.ts';

export { type PeerHandler, type PeerSettings, type PeerStatus, peerDefaults };

/** How the links of a member are made. */
export interface PeersInit extends LinksInit {
  readonly handler: PeerHandler;
}

export class Peers implements LinkOwner {
  readonly #settings: PeerSettings;
  readonly #handler: PeerHandler;
  readonly #links: Links;
  readonly #batches = new Map<MemberId, MessageBatch>();
  readonly #blocks = new EntryBlocks();
  readonly #calls = new Calls();
  /** Groups whose messages to a peer were dropped since the last tick. */
  #dropped = new Map<MemberId, Set<GroupId>>();
  /** Messages that fit into no frame since the last tick. */
  #tooLarge: { readonly peer: MemberId; readonly error: QuorateError }[] = [];

  constructor(init: PeersInit) {
    this.#settings = init.settings;
    this.#handler = init.handler;
    this.#links = new Links(init, this);
  }

  /** Who the peers are. Links to those who are gone are closed. */
  setPeers(records: ReadonlyMap<MemberId, PeerRecord>): void {
    this.#links.setPeers(records);
  }

  /** Something happened to a link. */
  handle(event: PeerEvent): void {
    this.#links.handle(event);
  }

  /** Time has passed. To be called several times in `pingAfterMs`. */
  tick(nowMs: number): void {
    this.#report();
    this.#calls.expire(nowMs);
    this.#links.tick(nowMs);
  }

  /**
   * Connects to whoever answers at an address, for questions alone: for a process that wants to
   * join.
   */
  dialAddress(address: string): LinkId {
    return this.#links.dial(0, address);
  }

  /** Closes a link that was dialed by its address. */
  closeLink(id: LinkId): void {
    const link = this.#links.get(id);
    if (link !== undefined)
      this.#links.end(link, new QuorateError('connection-lost', 'this side has closed the link'));
  }

  isLinkUp(id: LinkId): boolean {
    return this.#links.get(id)?.state === 'up';
  }

  isUp(peer: MemberId): boolean {
    return this.#links.of(peer) !== undefined;
  }

  /** Sends at the end of the turn; without a link, or beyond the bound, the message is lost. */
  send(to: MemberId, group: GroupId, message: Message): void {
    const link = this.#links.of(to);
    const batch = this.#batches.get(to);
    if (link === undefined || batch === undefined) return;
    if (this.#isFull(link, batch)) {
      const expendable = message.type === 'heartbeat' || message.type === 'heartbeat-reply';
      if (!expendable) batch.dropHeartbeats();
      if (expendable || this.#isFull(link, batch)) {
        this.#drop(to, group);
        return;
      }
    }
    batch.add(group, message);
  }

  /**
   * Asks a peer. `done` is called once: within this call if the question cannot be sent
   * (`unreachable`, `too-many-calls`, `message-too-large`); else with the answer, or with what the
   * other side failed with, or as `connection-lost` or `timeout` with `maybeApplied`.
   */
  call(to: MemberId, call: Call, done: (result: CallResult) => void): void {
    const link = this.#links.of(to);
    if (link === undefined) {
      fail(done, new QuorateError('unreachable', `there is no link to member ${to} now`));
      return;
    }
    if (!this.#mayCall(link, call, done)) return;
    this.#sendCall(link, this.#calls.open(link.id, call, done));
  }

  /**
   * Asks whoever is at the other end of a link that was dialed by address; as soon as it is up.
   * Where it does not come up the question fails with the reason, a refusal's name for instance.
   */
  callLink(linkId: LinkId, call: Call, done: (result: CallResult) => void): void {
    const link = this.#links.get(linkId);
    if (link === undefined || link.state === 'closed') {
      fail(done, new QuorateError('unreachable', 'the link is closed'));
      return;
    }
    if (!this.#mayCall(link, call, done)) return;
    if (link.state !== 'up') this.#calls.wait(link.id, call, done);
    else this.#sendCall(link, this.#calls.open(link.id, call, done));
  }

  /** Closes all links once what was sent has left, and dials no more. */
  close(): void {
    this.#links.close();
  }

  /** Whether something leaves for the peer at the end of this turn. */
  isSpokenTo(peer: MemberId): boolean {
    const link = this.#links.of(peer);
    if (link === undefined) return false;
    return link.outbox.bytes > 0 || (this.#batches.get(peer)?.size ?? 0) > 0;
  }

  /** Everything gathered in this turn: one write a link. */
  flush(): readonly PeerEffect[] {
    for (const [peer, batch] of this.#batches) {
      if (batch.size === 0) continue;
      const link = this.#links.of(peer);
      if (link !== undefined && !link.blocked) this.#flushBatch(link);
    }
    this.#blocks.forget();
    return this.#links.flush();
  }

  /** The members to which there is a link. */
  connected(): readonly MemberId[] {
    return [...this.#links.peers].filter((peer) => this.#links.of(peer) !== undefined);
  }

  /** What is known of each peer. */
  status(): readonly PeerStatus[] {
    const { member } = this.#links.self;
    return [...this.#links.peers].filter((peer) => peer !== member).map((peer) => this.#of(peer));
  }

  #of(peer: MemberId): PeerStatus {
    const link = this.#links.of(peer);
    const reach = this.#links.reach(peer);
    return {
      peer,
      connected: link !== undefined,
      sinceMs: link?.upMs,
      heardMs: link?.heardMs,
      roundTripMs: link?.roundTripMs,
      bytesIn: (link?.bytesIn ?? 0) + (reach?.bytesIn ?? 0),
      bytesOut: (link?.bytesOut ?? 0) + (reach?.bytesOut ?? 0),
      queueBytes: (link?.outbox.bytes ?? 0) + (this.#batches.get(peer)?.bytes ?? 0),
      lastError: reach?.lastError,
    };
  }

  // For the links alone.

  linkUp(link: Link): void {
    for (const call of this.#calls.linkUp(link.id)) this.#sendCall(link, call);
  }

  linkEnded(link: Link, fault: QuorateError): void {
    this.#calls.linkClosed(link.id, fault);
  }

  isDrained(link: Link): boolean {
    return link.callsIn === 0 && !this.#calls.waitOn(link.id);
  }

  peerUp(peer: MemberId): void {
    this.#batches.set(peer, new MessageBatch());
    this.#handler.peerUp(peer);
  }

  peerDown(peer: MemberId): void {
    this.#batches.delete(peer);
    this.#handler.peerDown(peer);
  }

  refused(peer: MemberId, error: QuorateError, origin: RefusalOrigin): void {
    this.#handler.refused(peer, error, origin);
  }

  frame(link: Link, frame: Frame): void {
    if (frame.type === 'messages') this.#messages(link, frame);
    else if (frame.type === 'call') this.#called(link, frame);
    else if (frame.type === 'answer') this.#calls.answered(link.id, decodeAnswer(frame));
    else throw new QuorateError('malformed-message', `an unexpected ${frame.type} frame`);
  }

  #messages(link: Link, frame: Frame): void {
    if (link.callsOnly) {
      throw new QuorateError('malformed-message', 'messages of Raft on a link for questions');
    }
    const { peer } = link;
    readMessages(frame, { from: peer, to: this.#links.self.member }, (group, message) => {
      // A message before it may have shown that the sender is not one of us any more.
      if (link.state === 'up') this.#handler.message(peer, group, message);
    });
  }

  #called(link: Link, frame: Frame): void {
    const { id, kind, payload } = decodeCall(frame);
    const { callsInMax, guestCallsInMax } = this.#settings;
    link.calledMs = this.#links.nowMs;
    link.callsIn++;
    let answered = false;
    const answer = (result: CallResult): void => {
      if (answered) return;
      answered = true;
      link.callsIn--;
      if (link.state === 'up') this.#links.attempt(link, () => this.#answer(link, id, result));
    };
    if (link.callsIn > (link.callsOnly ? guestCallsInMax : callsInMax)) {
      fail(answer, new QuorateError('too-many-calls', 'too many questions wait for an answer'));
      return;
    }
    this.#handler.call(link.peer, kind, payload, answer);
  }

  #answer(link: Link, id: number, result: CallResult): void {
    const { frameBytesMax, queueBytesMax } = this.#settings;
    if (result.ok && result.value.length + CALL_BYTES > frameBytesMax) {
      this.#answer(link, id, { ok: false, error: tooLarge(result.value.length) });
      return;
    }
    this.#keepOrder(link);
    const { meta, bulk } = encodeAnswer(id, result);
    link.outbox.frame('answer', meta, [bulk]);
    if (link.outbox.bytes <= queueBytesMax) return;
    throw new QuorateError('send-buffer-full', 'the other side does not fetch its answers');
  }

  #mayCall(link: Link, { payload }: Call, done: (result: CallResult) => void): boolean {
    const { callsMax, frameBytesMax, queueBytesMax } = this.#settings;
    const { length } = payload;
    if (length + CALL_BYTES > frameBytesMax) {
      fail(done, tooLarge(length));
      return false;
    }
    const isFull = link.outbox.bytes > 0 && link.outbox.bytes + length > queueBytesMax;
    if (!isFull && this.#calls.size < callsMax) return true;
    fail(done, new QuorateError('too-many-calls', 'too many questions wait to be answered'));
    return false;
  }

  #sendCall(link: Link, { meta, bulk }: { meta: Uint8Array; bulk: Uint8Array }): void {
    this.#keepOrder(link);
    link.outbox.frame('call', meta, [bulk]);
  }

  /** What was sent before a question or an answer arrives before it. */
  #keepOrder(link: Link): void {
    if (this.#links.of(link.peer) === link) this.#flushBatch(link);
  }

  #flushBatch(link: Link): void {
    const { peer } = link;
    const batch = this.#batches.get(peer);
    if (batch === undefined || batch.size === 0) return;
    const left = batch.flush(link.outbox, this.#blocks, this.#settings.frameBytesMax);
    for (const { group, bytes } of left) {
      this.#drop(peer, group);
      this.#tooLarge.push({ peer, error: tooLarge(bytes) });
    }
  }

  #isFull(link: Link, batch: MessageBatch): boolean {
    const { queueBytesMax, queueMessagesMax } = this.#settings;
    return batch.bytes + link.outbox.bytes >= queueBytesMax || batch.size >= queueMessagesMax;
  }

  #drop(peer: MemberId, group: GroupId): void {
    const groups = this.#dropped.get(peer);
    if (groups === undefined) this.#dropped.set(peer, new Set([group]));
    else groups.add(group);
  }

  /** Later, not from within a call of the engine, which may be in the middle of something. */
  #report(): void {
    const dropped = this.#dropped;
    const tooLarge = this.#tooLarge;
    if (dropped.size > 0) this.#dropped = new Map();
    if (tooLarge.length > 0) this.#tooLarge = [];
    for (const { peer, error } of tooLarge) {
      this.#handler.refused(peer, error, { by: 'self', proven: true });
    }
    for (const [peer, groups] of dropped) this.#handler.dropped(peer, groups);
  }
}

function tooLarge(bytes: number): QuorateError {
  const message = `${bytes} bytes do not fit into a frame between members`;
  return new QuorateError('message-too-large', message, { details: { bytes } });
}

function fail(done: (result: CallResult) => void, error: QuorateError): void {
  done({ ok: false, error });
}
