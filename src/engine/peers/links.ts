/**
 * The links themselves: dialing, accepting, meeting, keeping alive, ending. What travels on them is
 * the owner's.
 */
import { QuorateError } from '../../base/errors.ts';
import type { Random } from '../../ports/random.ts';
import type { MemberId } from '../../raft/entry.ts';
import type { Frame } from './frame.ts';
import { Greeter, type PeerRecord, type Self } from './greeter.ts';
import { type Hello, magic } from './hello.ts';
import { Link, type LinkId } from './link.ts';
import type { LinkAccepted, PeerEffect, PeerEvent } from './peer-event.ts';
import type { RefusalOrigin } from './peer-handler.ts';
import { PeerLinks } from './peer-links.ts';
import type { PeerSettings } from './peer-settings.ts';
import { Reach } from './reach.ts';

/** Whose links these are. */
export interface LinkOwner {
  /** A link is up, be it to a peer or to a guest. */
  linkUp(link: Link): void;
  /** A whole frame on a link that is up, other than what keeps it alive or ends it. */
  frame(link: Link, frame: Frame): void;
  /** A link is over. */
  linkEnded(link: Link, fault: QuorateError): void;
  /** Whether nothing is waited for on a link. */
  isDrained(link: Link): boolean;
  peerUp(peer: MemberId): void;
  peerDown(peer: MemberId): void;
  refused(peer: MemberId, error: QuorateError, origin: RefusalOrigin): void;
}

export interface LinksInit {
  readonly self: Self;
  readonly settings: PeerSettings;
  readonly random: Random;
  /** The time, on the clock of the ticks. */
  readonly nowMs?: number | undefined;
}

export class Links {
  nowMs: number;
  readonly self: Self;
  readonly #owner: LinkOwner;
  readonly #settings: PeerSettings;
  readonly #random: Random;
  readonly #greeter: Greeter;
  readonly #links = new Map<LinkId, Link>();
  readonly #peerLinks = new PeerLinks();
  readonly #reach = new Map<MemberId, Reach>();
  #records: ReadonlyMap<MemberId, PeerRecord> = new Map();
  #effects: PeerEffect[] = [];
  #nextLink: LinkId;
  #closing = false;

  constructor(init: LinksInit, owner: LinkOwner) {
    this.nowMs = init.nowMs ?? 0;
    this.self = init.self;
    this.#owner = owner;
    this.#settings = init.settings;
    this.#random = init.random;
    this.#greeter = new Greeter(init.self, init.random);
    // Odd, and not where an earlier object of this process began: its links may still be closing.
    this.#nextLink = 2 * init.random.uint32() + 1;
  }

  /** The link in use for a peer. */
  of(peer: MemberId): Link | undefined {
    return this.#peerLinks.get(peer);
  }

  get(id: LinkId): Link | undefined {
    return this.#links.get(id);
  }

  /** What is known of reaching a peer; it is there once dialing was considered. */
  reach(peer: MemberId): Reach | undefined {
    return this.#reach.get(peer);
  }

  get peers(): Iterable<MemberId> {
    return this.#records.keys();
  }

  /** Who the peers are. Links to those who are gone are closed. */
  setPeers(records: ReadonlyMap<MemberId, PeerRecord>): void {
    const before = this.#records;
    this.#records = records;
    this.#greeter.setPeers(records);
    for (const link of this.#links.values()) {
      if (link.state === 'closed' || link.peer === 0 || link.byAddress) continue;
      this.attempt(link, () => this.#checkStill(link));
    }
    for (const [peer, reach] of this.#reach) {
      const record = records.get(peer);
      if (record === undefined) this.#reach.delete(peer);
      else if (record.address !== before.get(peer)?.address) reach.hopeful(this.nowMs);
    }
  }

  /** Something happened to a link. */
  handle(event: PeerEvent): void {
    if (event.type === 'link-accepted') {
      this.#accepted(event);
      return;
    }
    const link = this.#links.get(event.link);
    if (link === undefined || (link.state === 'closed' && event.type !== 'link-closed')) return;
    if (event.type === 'link-connected') this.#connected(link, event.certifiedNames);
    else if (event.type === 'link-received') this.#received(link, event.bytes);
    else if (event.type === 'link-blocked') link.blocked = event.blocked;
    else this.#closed(link, event.error);
  }

  /** Time has passed. */
  tick(nowMs: number): void {
    const passedMs = nowMs - this.nowMs;
    this.nowMs = nowMs;
    // While this process stood still it could hear nobody: that is not their silence.
    if (passedMs > this.#settings.pingAfterMs) {
      for (const link of this.#links.values()) {
        link.heardMs += passedMs;
        link.openedMs += passedMs;
      }
    }
    for (const link of this.#links.values()) this.#keepAlive(link);
    this.#closeSpares();
    if (this.#closing) return;
    for (const [peer, record] of this.#records) {
      if (!record.removed && peer !== this.self.member) this.#dialIfDue(peer, record);
    }
  }

  /** Closes all links once what was sent has left; none comes up any more. */
  close(): void {
    this.#closing = true;
    for (const link of this.#links.values()) this.end(link, lost('this member closes'));
  }

  /** What was gathered: one write a link. */
  flush(): readonly PeerEffect[] {
    for (const link of this.#links.values()) {
      const isClosed = link.state === 'closed';
      const waits = link.state === 'dialing' || (link.blocked && !isClosed);
      if (link.outbox.bytes > 0 && !waits) {
        this.#effects.push({ type: 'write', link: link.id, buffers: link.take() });
      }
      if (!isClosed) continue;
      this.#effects.push({ type: 'close', link: link.id });
      this.#links.delete(link.id);
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #accepted({ link: id, certifiedNames }: LinkAccepted): void {
    const link = new Link({ id, dialed: false, peer: 0, nowMs: this.nowMs });
    link.certifiedNames = certifiedNames;
    const strangers = this.#count(({ dialed, state }) => !dialed && state === 'greeting');
    this.#links.set(id, link);
    if (this.#closing) this.end(link, lost('this member closes'));
    else if (strangers >= this.#settings.strangersMax) {
      this.end(link, new QuorateError('too-many-connections', `${strangers} links wait already`));
    }
  }

  #count(which: (link: Link) => boolean): number {
    let count = 0;
    for (const link of this.#links.values()) if (which(link)) count++;
    return count;
  }

  #dialIfDue(peer: MemberId, { address, hint }: PeerRecord): void {
    const reach = this.#reachOf(peer);
    if (this.nowMs < reach.nextDialMs) return;
    for (const link of this.#links.values()) {
      const other = link.hello?.member ?? link.peer;
      if (other === peer && link.state !== 'closed' && !link.callsOnly) return;
    }
    this.dial(peer, reach.choose(address, hint));
  }

  #reachOf(peer: MemberId): Reach {
    const known = this.#reach.get(peer);
    if (known !== undefined) return known;
    // The side whose link would be kept dials first.
    const patient = this.self.member > peer;
    const made = new Reach(this.nowMs, patient, this.#settings);
    this.#reach.set(peer, made);
    return made;
  }

  /** @param peer 0 for whoever answers. */
  dial(peer: MemberId, address: string): LinkId {
    const link = new Link({ id: this.#nextLink, dialed: true, peer, nowMs: this.nowMs });
    this.#nextLink += 2;
    this.#links.set(link.id, link);
    const name = this.#records.get(peer)?.name;
    this.#effects.push({ type: 'dial', link: link.id, address, peer, name });
    return link.id;
  }

  #connected(link: Link, certifiedNames: readonly string[] | undefined): void {
    if (link.state !== 'dialing') return;
    link.state = 'greeting';
    link.certifiedNames = certifiedNames;
    link.heardMs = this.nowMs;
    link.outbox.raw(magic);
    link.outbox.frame('hello', this.#greeter.greet(link));
  }

  #received(link: Link, bytes: Uint8Array): void {
    link.heardMs = this.nowMs;
    link.bytesIn += bytes.length;
    this.attempt(link, () => {
      const own = this.#greeter.strip(link, bytes);
      if (own === 'foreign') {
        this.#links.delete(link.id);
        this.#effects.push({ type: 'hand-over', link: link.id, bytes: link.preamble });
        return;
      }
      link.reader.push(own);
      for (let next = link.reader.next(); next !== undefined; next = link.reader.next()) {
        if (link.state === 'greeting') this.#greeting(link, next);
        else this.#frame(link, next);
        if (isClosed(link)) return;
      }
    });
  }

  /** Whatever operating error comes of it closes the link by its name. */
  attempt(link: Link, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      this.#refuse(link, error);
    }
  }

  #greeting(link: Link, frame: Frame): void {
    if (frame.type === 'refusal') {
      this.#told(link, frame);
      return;
    }
    const { say, bytes, met } = this.#greeter.hear(link, frame);
    if (say !== undefined) link.outbox.frame(say, bytes);
    if (met !== undefined) this.#up(link, met);
  }

  #up(link: Link, { member }: Hello): void {
    const { frameBytesMax, guestsMax } = this.#settings;
    const guests = this.#count((each) => !each.dialed && each.state === 'up' && each.callsOnly);
    link.peer = member;
    link.state = 'up';
    link.upMs = this.nowMs;
    link.calledMs = this.nowMs;
    link.reader.bytesMax = frameBytesMax;
    if (link.callsOnly && !link.dialed && guests >= guestsMax) {
      throw new QuorateError('too-many-connections', `${guests} links are for questions already`);
    }
    if (!link.callsOnly) this.#use(link);
    this.#owner.linkUp(link);
  }

  #use(link: Link): void {
    const { nowMs, self } = this;
    for (const dead of this.#peerLinks.outlived(link)) this.end(dead, lost('a newer link came'));
    if (this.#peerLinks.add(link, { self: self.member, nowMs })) this.#owner.peerUp(link.peer);
    else this.#ping(this.#peerLinks.get(link.peer)!);
  }

  #checkStill({ peer, hello }: Link): void {
    const known = this.#records.get(peer);
    if (known === undefined) {
      throw new QuorateError('unknown-member', `there is no member ${peer}`);
    }
    if (known.removed) {
      throw new QuorateError('removed-member', `member ${peer} is no longer part of the cluster`);
    }
    if (hello !== undefined) this.#greeter.checkKnown(hello);
  }

  #frame(link: Link, frame: Frame): void {
    switch (frame.type) {
      case 'ping':
        link.outbox.frame('pong', nothing);
        return;
      case 'pong':
        if (link.pingedMs === undefined) return;
        link.roundTripMs = this.nowMs - link.pingedMs;
        link.pingedMs = undefined;
        return;
      case 'refusal':
        this.#told(link, frame);
        return;
      default:
        this.#owner.frame(link, frame);
    }
  }

  #keepAlive(link: Link): void {
    const { pingAfterMs, silenceMsMax, handshakeMsMax, guestIdleMsMax } = this.#settings;
    if (link.state === 'closed') return;
    if (link.state !== 'up') {
      if (this.nowMs - link.openedMs < handshakeMsMax) return;
      this.#refuse(link, new QuorateError('timeout', 'the handshake took too long'));
      return;
    }
    const silentMs = this.nowMs - link.heardMs;
    if (silentMs >= silenceMsMax) this.#refuse(link, lost('the link fell silent'));
    else if (silentMs >= pingAfterMs && link.pingedMs === undefined) this.#ping(link);
    if (link.dialed || !link.callsOnly || link.callsIn > 0) return;
    if (this.nowMs - link.calledMs >= guestIdleMsMax) this.end(link, lost('nothing was asked'));
  }

  #ping(link: Link): void {
    link.pingedMs = this.nowMs;
    link.outbox.frame('ping', nothing);
  }

  #closeSpares(): void {
    const { pingAfterMs, silenceMsMax, handshakeMsMax } = this.#settings;
    const patience = {
      trialMs: Math.min(2 * pingAfterMs, silenceMsMax),
      graceMs: pingAfterMs,
      spareMsMax: 2 * handshakeMsMax,
    };
    const isDrained = (link: Link): boolean => this.#owner.isDrained(link);
    for (const link of this.#peerLinks.toClose(this.nowMs, patience, isDrained)) {
      this.end(link, lost('another link to this member is in use'));
    }
  }

  /** Closes a link by name; the other side is told, if it listens. */
  #refuse(link: Link, error: QuorateError): void {
    if (link.state === 'closed') return;
    if (link.state !== 'dialing') {
      link.outbox.frame('refusal', this.#greeter.encodeRefusal(link, error));
    }
    this.#refused(link, error, { by: 'self', proven: true });
  }

  /** The other side has refused. */
  #told(link: Link, { meta }: Frame): void {
    const { error, proven } = this.#greeter.decodeRefusal(link, meta);
    this.#refused(link, error, { by: 'peer', proven });
  }

  #refused(link: Link, error: QuorateError, origin: RefusalOrigin): void {
    const peer = link.peer === 0 ? (link.hello?.member ?? 0) : link.peer;
    this.end(link, error);
    this.#owner.refused(peer, error, origin);
  }

  #closed(link: Link, error: QuorateError | null): void {
    this.end(link, error ?? lost('the other side closed the link'));
    this.#links.delete(link.id);
  }

  /** Closes a link, once what was sent has left. */
  end(link: Link, fault: QuorateError): void {
    if (link.state === 'closed') return;
    const { state } = link;
    link.state = 'closed';
    link.fault = fault;
    const isOfPeer = link.peer !== 0 && !link.callsOnly;
    const left = isOfPeer ? this.#peerLinks.remove(link) : 'unused';
    if (isOfPeer) this.#account(link, state === 'up' ? left === 'down' : true);
    this.#owner.linkEnded(link, fault);
    if (left === 'unused') return;
    this.#owner.peerDown(link.peer);
    if (left === 'replaced') this.#owner.peerUp(link.peer);
  }

  #account(link: Link, isLost: boolean): void {
    const reach = this.#reach.get(link.peer);
    if (reach === undefined) return;
    reach.bytesIn += link.bytesIn;
    reach.bytesOut += link.bytesOut;
    if (!isLost) return;
    const { dialBackoffMsMax } = this.#settings;
    if (link.upMs !== undefined && this.nowMs - link.upMs >= dialBackoffMsMax) reach.held();
    reach.lost(this.nowMs, link.fault!, this.#random);
  }
}

/** Asked anew: whoever was told something in between may have closed it. */
function isClosed(link: Link): boolean {
  return link.state === 'closed';
}

function lost(why: string): QuorateError {
  return new QuorateError('connection-lost', why);
}

const nothing = new Uint8Array(0);
