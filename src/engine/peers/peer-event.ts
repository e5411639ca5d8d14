/** What the driver of streams tells, and what it is told to do. */
import type { QuorateError } from '../../base/errors.ts';
import type { MemberId } from '../../raft/entry.ts';
import type { LinkId } from './link.ts';

/** Somebody connected to our listener. The driver chooses even link numbers. */
export interface LinkAccepted {
  readonly type: 'link-accepted';
  readonly link: LinkId;
  /**
   * The names and IP addresses that the other side's certificate carries; none where it is not one
   * for members, undefined without TLS.
   */
  readonly certifiedNames: readonly string[] | undefined;
}

/** A dial came through. */
export interface LinkConnected {
  readonly type: 'link-connected';
  readonly link: LinkId;
  /** As in {@link LinkAccepted}. */
  readonly certifiedNames?: readonly string[] | undefined;
}

export interface LinkReceived {
  readonly type: 'link-received';
  readonly link: LinkId;
  /** The engine's own from now on. */
  readonly bytes: Uint8Array;
}

/** The stream has more unsent than it likes (`blocked`), or has sent it (`not`). */
export interface LinkBlocked {
  readonly type: 'link-blocked';
  readonly link: LinkId;
  readonly blocked: boolean;
}

/** The stream is over, or the dial failed. */
export interface LinkClosed {
  readonly type: 'link-closed';
  readonly link: LinkId;
  readonly error: QuorateError | null;
}

export type PeerEvent = LinkAccepted | LinkConnected | LinkReceived | LinkBlocked | LinkClosed;

export type PeerEffect =
  /**
   * Connect; the name is resolved anew each time. The engine chooses odd link numbers. `peer` is 0
   * and `name` absent where it is whoever answers.
   */
  | {
      readonly type: 'dial';
      readonly link: LinkId;
      readonly address: string;
      readonly peer: MemberId;
      readonly name: string | undefined;
    }
  | { readonly type: 'write'; readonly link: LinkId; readonly buffers: readonly Uint8Array[] }
  /** Send what was written, then close. */
  | { readonly type: 'close'; readonly link: LinkId }
  /** The link speaks another protocol: it belongs to the application, with these first bytes. */
  | { readonly type: 'hand-over'; readonly link: LinkId; readonly bytes: Uint8Array };
