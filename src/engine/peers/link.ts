/**
 * One stream to another process, from the first byte to the last: who is at the other end, what
 * has come, what waits to leave.
 */
import type { QuorateError } from '../../base/errors.ts';
import type { MemberId } from '../../raft/entry.ts';
import { FrameReader } from './frame.ts';
import type { Hello } from './hello.ts';

export type LinkId = number;

/**
 * `dialing`: the driver is connecting. `greeting`: bytes flow, the other side is not known yet.
 * `up`: it is. `closed`: nothing more comes of it.
 */
export type LinkState = 'dialing' | 'greeting' | 'up' | 'closed';

export class Link {
  readonly id: LinkId;
  /** Whether this side dialed. */
  readonly dialed: boolean;
  /** Whom this side meant to reach, 0 on an accepted link; once up, who it is (0: a joiner). */
  peer: MemberId;
  state: LinkState;
  readonly reader: FrameReader;
  /** The other side's hello, once up. */
  hello: Hello | undefined = undefined;
  /** Bytes before the first frame: the magic, or somebody else's protocol. */
  preamble: Uint8Array = new Uint8Array(0);
  readonly openedMs: number;
  heardMs: number;
  /** Frames made in this turn. */
  outgoing: Uint8Array[] = [];
  outgoingBytes = 0;
  /** The stream has more unsent than it likes: what can wait waits. */
  blocked = false;
  bytesIn = 0;
  bytesOut = 0;
  /** Why it was closed, where that has a name. */
  fault: QuorateError | undefined = undefined;

  constructor(init: {
    readonly id: LinkId;
    readonly dialed: boolean;
    readonly peer: MemberId;
    readonly nowMs: number;
    readonly frameBytesMax: number;
  }) {
    this.id = init.id;
    this.dialed = init.dialed;
    this.peer = init.peer;
    this.state = init.dialed ? 'dialing' : 'greeting';
    this.openedMs = init.nowMs;
    this.heardMs = init.nowMs;
    this.reader = new FrameReader(init.frameBytesMax);
  }

  push(...buffers: readonly Uint8Array[]): void {
    for (const buffer of buffers) {
      this.outgoing.push(buffer);
      this.outgoingBytes += buffer.length;
    }
  }

  take(): readonly Uint8Array[] {
    const { outgoing } = this;
    this.bytesOut += this.outgoingBytes;
    this.outgoing = [];
    this.outgoingBytes = 0;
    return outgoing;
  }
}
