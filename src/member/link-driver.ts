/**
 * Carries out what the engine wants done with links, on the streams port: listening, dialing,
 * writing with back-pressure, closing, TLS on both sides, and handing over to an application's
 * service what speaks another protocol on the same listener.
 *
 * Events are delivered from callbacks of the ports alone, never from within {@link LinkDriver.run}:
 * the engine is not entered while its effects are carried out.
 */
import { QuorateError } from '../base/errors.ts';
import { parseAddress } from '../engine/peers/address.ts';
import type { LinkId } from '../engine/peers/link.ts';
import type { PeerEffect, PeerEvent } from '../engine/peers/peer-event.ts';
import type { Answer, Cancel, Done } from '../ports/callbacks.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type {
  Address,
  ConnectTls,
  Credentials,
  Listener,
  PeerCertificate,
  Stream,
  Streams,
} from '../ports/streams.ts';
import { HandedOverStream } from './handed-over-stream.ts';

/** How members speak TLS with each other: both sides always show a certificate. */
export interface LinkTls {
  readonly credentials: Credentials;
  /**
   * What the certificate of a member that is dialed must carry: the host of its address, or its
   * name. For those that are dialed by address alone it is always the host.
   */
  readonly dialedName: 'host' | 'member';
}

export interface LinkDriverSettings {
  /** For resolving, connecting and the TLS handshake. */
  readonly connectMsMax: number;
  /** How long what was written may take to leave when a link closes. */
  readonly closeMsMax: number;
  /** Connections beyond this are turned away. */
  readonly connectionsMax: number;
  /** Unsent bytes above which a stream is closed: more than `queueBytesMax` and a frame. */
  readonly bufferedBytesMax: number;
}

export const linkDriverDefaults: LinkDriverSettings = {
  connectMsMax: 3000,
  closeMsMax: 1000,
  connectionsMax: 10_000,
  bufferedBytesMax: 160 * 2 ** 20,
};

export interface LinkDriverInit {
  readonly streams: Streams;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes what happens. */
  readonly deliver: (event: PeerEvent) => void;
  readonly tls?: LinkTls | undefined;
  /**
   * Takes a connection whose first bytes are not a member's; they come first among what it
   * receives. Its events must be asked for before this returns. Without a service it is closed.
   */
  readonly service?: ((stream: Stream) => void) | undefined;
  readonly settings?: Partial<LinkDriverSettings>;
}

interface Driven {
  readonly id: LinkId;
  /** Undefined while connecting. */
  stream: Stream | undefined;
  cancel: Cancel;
  blocked: boolean;
  /** Takes what comes once the stream belongs to a service. */
  handedOver: HandedOverStream | undefined;
  /** The engine is done with it, or was told that it is over. */
  finished: boolean;
  /** The stream is no more. */
  gone: boolean;
}

/** Extended key usage of those who are connected to (RFC 5280, section 4.2.1.12). */
const SERVER_USAGE = '1.3.6.1.5.5.7.3.1';

export class LinkDriver {
  readonly #init: LinkDriverInit;
  readonly #settings: LinkDriverSettings;
  readonly #links = new Map<LinkId, Driven>();
  readonly #open = new Set<Driven>();
  #credentials: Credentials | undefined;
  readonly #listeners = new Set<Listener>();
  /** Even: the engine chooses odd ones. */
  #nextLink = 2;
  #blockedChanged: Driven[] = [];
  #whenClosed: (() => void) | undefined;

  constructor(init: LinkDriverInit) {
    this.#init = init;
    this.#settings = { ...linkDriverDefaults, ...init.settings };
    this.#credentials = init.tls?.credentials;
  }

  /** Connections that are open or being made, also those that were handed over. */
  get openConnections(): number {
    return this.#open.size;
  }

  /** Listens; answers with where, or as `Streams.listen` does. */
  listen(address: Address, answer: Answer<Address>): void {
    const { streams, logger } = this.#init;
    const { connectionsMax, bufferedBytesMax, connectMsMax } = this.#settings;
    const credentials = this.#credentials;
    streams.listen(
      {
        address,
        connectionsMax,
        bufferedBytesMax,
        handshakeTimeoutMs: connectMsMax,
        ...(credentials && { tls: { credentials, clientCertificate: 'required' } }),
      },
      {
        accepted: (stream) => this.#accepted(stream),
        refused: (error, remote) => {
          logger.warn(
            { code: error.code, err: error, remote },
            'rejected connection on peer endpoint',
          );
        },
        failed: (error) => logger.error({ code: error.code, err: error }, 'a listener failed'),
      },
      (listener) => {
        if (!(listener instanceof QuorateError)) this.#listeners.add(listener);
        answer(listener instanceof QuorateError ? listener : listener.address);
      },
    );
  }

  /**
   * Uses other certificates from the next handshake on, on both sides.
   * @throws QuorateError `tls-failed`; then the old ones stay in use.
   */
  reload(credentials: Credentials): void {
    for (const listener of this.#listeners) listener.reload(credentials);
    this.#credentials = credentials;
  }

  /** Carries out an effect. */
  run(effect: PeerEffect): void {
    if (effect.type === 'dial') {
      this.#dial(effect);
      return;
    }
    const driven = this.#links.get(effect.link);
    if (driven === undefined) return;
    if (effect.type === 'write') this.#write(driven, effect.buffers);
    else if (effect.type === 'close') this.#finish(driven);
    else this.#handOver(driven, effect.bytes);
  }

  /** Listens no more and closes everything; `done` once nothing is open any more. */
  close(done: Done): void {
    let left = this.#listeners.size + 1;
    const one = (): void => {
      if (--left === 0) done(null);
    };
    for (const listener of this.#listeners) listener.close(one);
    this.#listeners.clear();
    for (const driven of [...this.#open]) this.#finish(driven);
    this.#whenClosed = () => this.#init.clock.after(0, one);
    this.#closeIfEmpty();
  }

  #dial(effect: PeerEffect & { type: 'dial' }): void {
    const driven = this.#begin(effect.link);
    const { connectMsMax, bufferedBytesMax } = this.#settings;
    let address: Address;
    try {
      address = parseAddress(effect.address);
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      driven.cancel = this.#init.clock.after(0, () => this.#over(driven, error));
      return;
    }
    const tls = this.#connectTls(effect);
    driven.cancel = this.#init.streams.connect(
      { address, timeoutMs: connectMsMax, bufferedBytesMax, ...(tls && { tls }) },
      (stream) => {
        if (stream instanceof QuorateError) this.#over(driven, stream);
        else this.#connected(driven, stream);
      },
    );
  }

  #connectTls({ name }: PeerEffect & { type: 'dial' }): ConnectTls | undefined {
    const credentials = this.#credentials;
    if (credentials === undefined) return undefined;
    const byName = this.#init.tls?.dialedName === 'member' && name !== undefined;
    return byName ? { credentials, serverName: name } : { credentials };
  }

  #connected(driven: Driven, stream: Stream): void {
    this.#attach(driven, stream);
    const certifiedNames = this.#namesOf(stream);
    this.#init.deliver({ type: 'link-connected', link: driven.id, certifiedNames });
  }

  #accepted(stream: Stream): void {
    const driven = this.#begin(this.#nextLink);
    this.#nextLink += 2;
    this.#attach(driven, stream);
    if (this.#whenClosed !== undefined) {
      this.#finish(driven);
      return;
    }
    const certifiedNames = this.#namesOf(stream);
    this.#init.deliver({ type: 'link-accepted', link: driven.id, certifiedNames });
  }

  #namesOf({ certificate }: Stream): readonly string[] | undefined {
    return this.#credentials === undefined ? undefined : certifiedNames(certificate);
  }

  #begin(id: LinkId): Driven {
    const cancel = (): void => {};
    const driven: Driven = {
      id,
      stream: undefined,
      cancel,
      blocked: false,
      handedOver: undefined,
      finished: false,
      gone: false,
    };
    this.#links.set(id, driven);
    this.#open.add(driven);
    return driven;
  }

  #attach(driven: Driven, stream: Stream): void {
    driven.stream = stream;
    driven.cancel = () => {};
    stream.subscribe({
      received: (bytes) => {
        if (driven.handedOver !== undefined) driven.handedOver.received(bytes);
        else if (!driven.finished) {
          this.#init.deliver({ type: 'link-received', link: driven.id, bytes });
        }
      },
      drained: () => {
        if (driven.handedOver !== undefined) driven.handedOver.drained();
        else this.#setBlocked(driven, false);
      },
      ended: () => {
        if (driven.handedOver !== undefined) driven.handedOver.ended();
        else this.#over(driven, null);
      },
      closed: (error) => {
        this.#open.delete(driven);
        driven.gone = true;
        driven.cancel();
        if (driven.handedOver !== undefined) driven.handedOver.closed(error);
        else this.#over(driven, error);
        this.#closeIfEmpty();
      },
    });
  }

  #write(driven: Driven, buffers: readonly Uint8Array[]): void {
    if (driven.stream === undefined || driven.finished) return;
    if (!driven.stream.write(buffers)) this.#setBlocked(driven, true);
  }

  #setBlocked(driven: Driven, blocked: boolean): void {
    driven.blocked = blocked;
    this.#blockedChanged.push(driven);
    if (this.#blockedChanged.length === 1) {
      this.#init.clock.endOfTurn(() => this.#tellBlocked());
    }
  }

  #tellBlocked(): void {
    const changed = this.#blockedChanged;
    this.#blockedChanged = [];
    for (const { id, blocked, finished } of changed) {
      if (!finished) this.#init.deliver({ type: 'link-blocked', link: id, blocked });
    }
  }

  /** Tells the engine that a link is over, and closes what is left of it. */
  #over(driven: Driven, error: QuorateError | null): void {
    if (driven.finished) return;
    this.#finish(driven);
    this.#init.deliver({ type: 'link-closed', link: driven.id, error });
  }

  /** Closes a link once what was written has left, but not later than in `closeMsMax`. */
  #finish(driven: Driven): void {
    this.#links.delete(driven.id);
    if (driven.finished) return;
    driven.finished = true;
    driven.cancel();
    const { stream } = driven;
    if (driven.gone) return;
    if (stream === undefined) {
      this.#open.delete(driven);
      this.#closeIfEmpty();
      return;
    }
    stream.end();
    // What still comes is of no use to anybody; it is read so that the other side's end is seen.
    driven.cancel = this.#init.clock.after(this.#settings.closeMsMax, () => stream.destroy());
  }

  #handOver(driven: Driven, first: Uint8Array): void {
    const { service, clock } = this.#init;
    if (service === undefined || driven.stream === undefined) {
      this.#finish(driven);
      return;
    }
    this.#links.delete(driven.id);
    driven.handedOver = new HandedOverStream(driven.stream, first, clock);
    service(driven.handedOver);
  }

  #closeIfEmpty(): void {
    if (this.#open.size > 0 || this.#whenClosed === undefined) return;
    const whenClosed = this.#whenClosed;
    this.#whenClosed = () => {};
    whenClosed();
  }
}

/**
 * What a certificate may be taken for: its alternative names, for the common name is free text and
 * often a user's. One that says what it is for, and not that it is for servers, is a mere client's
 * and names no member.
 */
export function certifiedNames(certificate: PeerCertificate | null): readonly string[] {
  if (certificate === null) return [];
  const { names, addresses, usages } = certificate;
  return usages.length > 0 && !usages.includes(SERVER_USAGE) ? [] : [...names, ...addresses];
}
