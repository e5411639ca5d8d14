/**
 * A client's way to the cluster: one link to one of its members at a time, on the members' own
 * protocol, as a guest that only asks. When that member fails, or cannot help, the next one is
 * asked; a link that is still good is used again.
 */
import { QuorateError } from '../base/errors.ts';
import {
  type ClientCall,
  type ClientCallType,
  clientKinds,
  encodeClientCall,
} from '../engine/client-calls.ts';
import type { CallResult } from '../engine/peers/calls.ts';
import type { LinkId } from '../engine/peers/link.ts';
import type { PeerEvent } from '../engine/peers/peer-event.ts';
import { type PeerHandler, Peers, peerDefaults } from '../engine/peers/peers.ts';
import { LinkDriver, type LinkTls } from '../member/link-driver.ts';
import type { Cancel } from '../ports/callbacks.ts';
import type { Clock } from '../ports/clock.ts';
import type { Crypto } from '../ports/crypto.ts';
import type { Logger } from '../ports/logger.ts';
import type { Random } from '../ports/random.ts';
import type { Streams } from '../ports/streams.ts';

/** The part of the world that a client needs. */
export interface ClientPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly streams: Streams;
  readonly crypto: Crypto;
  readonly logger: Logger;
}

export interface ConnectionInit {
  readonly ports: ClientPorts;
  /** At least one: `host:port`. */
  readonly endpoints: readonly string[];
  readonly secret: string | undefined;
  readonly tls: LinkTls | undefined;
}

const TICK_MS = 100;
/** Below what a member takes of one guest; further calls wait here. */
const CALLS_MAX = 200;
/** A member's own answer that it is too late shall come before the client stops waiting. */
const GRACE_MS = 200;

export class Connection {
  readonly #init: ConnectionInit;
  readonly #peers: Peers;
  readonly #driver: LinkDriver;
  readonly #links = new Map<string, LinkId>();
  /** Calls that wait for their turn; bounded by the requests of the client. */
  readonly #queue: (() => void)[] = [];
  #callsOpen = 0;
  #at: number;
  #flushDue = false;
  #closed = false;
  #cancelTick: Cancel = () => {};

  constructor(init: ConnectionInit) {
    this.#init = init;
    const { ports, secret, tls, endpoints } = init;
    const { clock, random, streams, logger, crypto } = ports;
    const key = secret === undefined ? undefined : new TextEncoder().encode(secret);
    const mac = key && ((bytes: Uint8Array) => crypto.hmacSha256(key, bytes));
    const randomBytes = (size: number): Uint8Array => crypto.randomBytes(size);
    // Many clients shall not all ask the same member.
    this.#at = random.below(endpoints.length);
    this.#peers = new Peers({
      self: { clusterId: 0, member: 0, incarnation: 0, features: [], mac, randomBytes },
      settings: peerDefaults,
      handler: handlerFor(logger),
      random,
      nowMs: clock.monotonicMs(),
    });
    const deliver = (event: PeerEvent): void => {
      this.#peers.handle(event);
      this.#scheduleFlush();
    };
    this.#driver = new LinkDriver({ streams, clock, logger, deliver, tls });
    this.#tick();
  }

  /** How many members may be asked. */
  get endpointCount(): number {
    return this.#init.endpoints.length;
  }

  /**
   * Asks the member in use.
   * @throws QuorateError what it answers, or why there was no answer
   */
  async call(type: ClientCallType, call: ClientCall): Promise<Uint8Array> {
    if (this.#callsOpen >= CALLS_MAX) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    if (this.#closed) throw new QuorateError('closing', 'the client has closed');
    this.#callsOpen++;
    try {
      return await this.#ask(type, call);
    } finally {
      this.#callsOpen--;
      this.#queue.shift()?.();
    }
  }

  /** Asks no more; settles when nothing is open. */
  close(): Promise<void> {
    this.#closed = true;
    this.#cancelTick();
    for (const resume of this.#queue.splice(0)) resume();
    this.#peers.close();
    this.#flush();
    return new Promise((resolve) => this.#driver.close(() => resolve()));
  }

  #ask(type: ClientCallType, call: ClientCall): Promise<Uint8Array> {
    const endpoint = this.#init.endpoints[this.#at]!;
    const link = this.#linkTo(endpoint);
    const deadlineMs = this.#init.ports.clock.monotonicMs() + call.timeoutMs + GRACE_MS;
    const question = { kind: clientKinds[type], payload: encodeClientCall(type, call), deadlineMs };
    return new Promise((resolve, reject) => {
      this.#peers.callLink(link, question, (result) => {
        if (result.ok) return resolve(result.value.slice());
        this.#failed(endpoint, link, result.error);
        reject(result.error);
      });
      this.#scheduleFlush();
    });
  }

  #linkTo(endpoint: string): LinkId {
    const known = this.#links.get(endpoint);
    if (known !== undefined) return known;
    const link = this.#peers.dialAddress(endpoint);
    this.#links.set(endpoint, link);
    return link;
  }

  /** The next member is asked from now on, unless that is so already. */
  #failed(endpoint: string, link: LinkId, error: QuorateError): void {
    if (!this.#peers.isLinkUp(link) && this.#links.get(endpoint) === link) {
      this.#links.delete(endpoint);
    }
    const { endpoints } = this.#init;
    if (isFull.has(error.code) || endpoints[this.#at] !== endpoint) return;
    this.#at = (this.#at + 1) % endpoints.length;
  }

  #tick(): void {
    const { clock } = this.#init.ports;
    this.#peers.tick(clock.monotonicMs());
    this.#flush();
    this.#cancelTick = clock.after(TICK_MS, () => {
      if (!this.#closed) this.#tick();
    });
  }

  #scheduleFlush(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    this.#init.ports.clock.endOfTurn(() => {
      this.#flushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    for (const effect of this.#peers.flush()) this.#driver.run(effect);
  }
}

/** The member is busy, not broken: another one is not to be troubled as well. */
const isFull: ReadonlySet<string> = new Set(['too-many-calls', 'over-quota', 'message-too-large']);

/** Nobody asks a client anything, and it takes no part in Raft. */
function handlerFor(logger: Logger): PeerHandler {
  const nothing = (): void => {};
  return {
    message: nothing,
    call: (_from, _kind, _payload, answer: (result: CallResult) => void) =>
      answer({ ok: false, error: new QuorateError('unknown-member', 'a client is no member') }),
    peerUp: nothing,
    peerDown: nothing,
    dropped: nothing,
    refused: (_peer, error) =>
      logger.debug({ code: error.code, err: error }, 'the link to a member was refused'),
  };
}
