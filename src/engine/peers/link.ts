/**
 * One stream to another process, from the first byte to the last: who is at the other end, what
 * has come, what waits to leave.
 */
import type { QuorateError } from '../../base/errors.ts';
import type { MemberId } from '../../raft/entry.ts';
import { FrameReader } from './frame.ts';
import { GREETING_BYTES_MAX, type Hello } from './hello.ts';
import { Outbox } from './outbox.ts';

export type LinkId = number;

/**
 * `dialing`: the driver is connecting. `greeting`: bytes flow, the other side is not known yet.
 * `up`: it is. `closed`: nothing more comes of it.
 */
export type LinkState = 'dialing' | 'greeting' | 'up' | 'closed';

/** How a link begins. */
export interface LinkInit {
  readonly id: LinkId;
  /** Whether this side dialed. */
  readonly dialed: boolean;
  /** Whom this side means to reach; 0 for whoever answers. */
  readonly peer: MemberId;
  readonly nowMs: number;
}

export class Link {
  readonly id: LinkId;
  readonly dialed: boolean;
  /** Dialed by its address alone: it is for calls to whoever answers, not for Raft. */
  readonly byAddress: boolean;
  /** Whom this side meant to reach, 0 on an accepted link; once up, who it is (0: a joiner). */
  peer: MemberId;
  state: LinkState;
  readonly reader: FrameReader;
  readonly outbox = new Outbox();
  /** What the certificate of the other side names; undefined without TLS. */
  certifiedNames: readonly string[] | undefined = undefined;

  /** The handshake: both hellos as they were sent, and the other side's as it is understood. */
  helloSent: Uint8Array | undefined = undefined;
  helloHeard: Uint8Array | undefined = undefined;
  hello: Hello | undefined = undefined;
  /** The other side has shown that it knows the secret, if there is one. */
  proven = false;
  /** Bytes before the first frame: the magic, or somebody else's protocol. */
  preamble: Uint8Array = new Uint8Array(0);

  /** When the handshake began; moves on while this process stands still. */
  openedMs: number;
  /** When it came up; undefined if it never did. */
  upMs: number | undefined = undefined;
  /** When bytes came last. */
  heardMs: number;
  /** When a call came last. */
  calledMs: number;
  /** When the ping that is not answered yet was sent; undefined if there is none. */
  pingedMs: number | undefined = undefined;
  roundTripMs: number | undefined = undefined;

  /** The stream has more unsent than it likes: what can wait waits. */
  blocked = false;
  bytesIn = 0;
  bytesOut = 0;
  /** Questions of the other side that are not answered yet. */
  callsIn = 0;
  /** Why it was closed. */
  fault: QuorateError | undefined = undefined;

  constructor({ id, dialed, peer, nowMs }: LinkInit) {
    this.id = id;
    this.dialed = dialed;
    this.byAddress = dialed && peer === 0;
    this.peer = peer;
    this.state = dialed ? 'dialing' : 'greeting';
    this.openedMs = nowMs;
    this.heardMs = nowMs;
    this.calledMs = nowMs;
    this.reader = new FrameReader(GREETING_BYTES_MAX);
  }

  /** It is for questions alone, not for Raft: somebody is joining, or asks whoever answers. */
  get callsOnly(): boolean {
    return this.byAddress || this.peer === 0 || (this.hello?.callsOnly ?? false);
  }

  /** All that waits to leave. */
  take(): readonly Uint8Array[] {
    this.bytesOut += this.outbox.bytes;
    return this.outbox.take();
  }
}
