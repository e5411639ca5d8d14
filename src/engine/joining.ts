/** How a process that is no member yet asks to become one. */
import { QuorateError } from '../base/errors.ts';
import type { Random } from '../ports/random.ts';
import { callKinds, decodeJoined, encodeJson, type JoinCall, type Joined } from './call-kinds.ts';
import type { Effect } from './effect.ts';
import type { Event } from './event.ts';
import type { CallResult } from './peers/calls.ts';
import type { Self } from './peers/greeter.ts';
import { type PeerHandler, type PeerSettings, Peers } from './peers/peers.ts';

export interface JoiningInit {
  /** How the process presents itself. */
  readonly call: JoinCall;
  /** Whom to ask, as far as is known now. */
  readonly addresses: () => readonly string[];
  readonly peers: {
    readonly settings: PeerSettings;
    readonly random: Random;
    readonly mac: Self['mac'];
  };
  readonly nowMs: number;
  /** Takes what is to be done. */
  readonly effects: Effect[];
  readonly joined: (answer: Joined) => void;
  readonly failed: (error: QuorateError) => void;
}

/** Between two rounds of asking. */
const ASK_AGAIN_MS = 500;
const ANSWER_MS_MAX = 2000;

/** Asks members of a cluster to be let in, until one of them answers. */
export class Joining implements PeerHandler {
  readonly #init: JoiningInit;
  readonly #peers: Peers;
  #next = 0;
  #link: number | undefined;
  #asked = false;
  #nowMs: number;
  #askMs = 0;

  constructor(init: JoiningInit) {
    this.#init = init;
    this.#nowMs = init.nowMs;
    const { settings, random, mac } = init.peers;
    const { incarnation } = init.call;
    this.#peers = new Peers({
      self: { clusterId: 0, member: 0, incarnation, features: [], mac },
      settings,
      handler: this,
      random,
    });
  }

  handle(event: Event): void {
    if (event.type === 'tick') {
      this.#nowMs = event.nowMs;
      this.#peers.tick(event.nowMs);
      if (event.nowMs >= this.#askMs) this.#dial();
    } else if (event.type.startsWith('link-')) {
      this.#peers.handle(event as Parameters<Peers['handle']>[0]);
      this.#ask();
      // Nobody is there: somebody else may be, or soon.
      const lost = event.type === 'link-closed' && event.link === this.#link && !this.#asked;
      if (lost) this.#askMs = Math.min(this.#askMs, this.#nowMs + ASK_AGAIN_MS);
    }
    for (const effect of this.#peers.flush()) this.#init.effects.push(effect);
  }

  #dial(): void {
    const addresses = this.#init.addresses();
    if (addresses.length === 0) return;
    this.#askMs = this.#nowMs + ANSWER_MS_MAX;
    this.#asked = false;
    this.#link = this.#peers.dialAddress(addresses[this.#next++ % addresses.length]!);
  }

  #ask(): void {
    if (this.#link === undefined || this.#asked || !this.#peers.isLinkUp(this.#link)) return;
    this.#asked = true;
    const { call } = this.#init;
    const deadlineMs = this.#nowMs + ANSWER_MS_MAX;
    const question = { kind: callKinds.join, payload: encodeJson(call), deadlineMs };
    this.#peers.callLink(this.#link, question, (result) => this.#answered(result));
  }

  #answered(result: CallResult): void {
    if (result.ok) {
      this.#peers.closeLink(this.#link!);
      this.#init.joined(decodeJoined(result.value));
    } else if (result.error.retryable) {
      this.#askMs = this.#nowMs + ASK_AGAIN_MS;
    } else {
      this.#init.failed(result.error);
    }
  }

  // A process that is no member yet is told nothing else.

  message(): void {}

  call(
    _from: number,
    _kind: number,
    _payload: Uint8Array,
    answer: (result: CallResult) => void,
  ): void {
    answer({
      ok: false,
      error: new QuorateError('unknown-member', 'this process has not joined yet'),
    });
  }

  peerUp(): void {}

  peerDown(): void {}

  dropped(): void {}

  refused(_peer: number, error: QuorateError): void {
    const fatal = error.code === 'wrong-secret' || error.code === 'version-mismatch';
    if (fatal) this.#init.failed(error);
  }
}
