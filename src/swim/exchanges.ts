/**
 * What goes over TCP: the push/pull in which two members tell each other all they know (to join,
 * and from time to time, so that what gossip missed is repaired), pings where UDP fails, and large
 * user messages. One exchange a connection, each with a deadline, and at most streamsMax at once.
 */
import type { Address, StreamId } from './api.ts';
import type { Context } from './context.ts';
import type { MemberTable } from './member-table.ts';
import type { Membership } from './membership.ts';
import { incompatibility } from './protocol-versions.ts';
import type { Timer } from './timers.ts';
import type { Keyring } from './wire/keyring.ts';
import {
  encodeAck,
  encodeError,
  encodePushPull,
  encodeUserStream,
  type PushPullMessage,
} from './wire/messages.ts';
import { type StreamFormat, type StreamMessage, StreamReader, sealStream } from './wire/stream.ts';
import { WireError } from './wire/wire-error.ts';

/** Up to so many members push/pull keeps its interval; beyond, it grows with the doublings. */
const pushPullMembersUnscaled = 32;
/** So many rounds of gossip after a join, its news has spread. */
const repairRounds = 8;

/** What the layer above adds to a push/pull, and makes of one. */
export interface ExchangeHost {
  localState(join: boolean): Uint8Array;
  remoteState(state: Uint8Array, join: boolean): void;
  userMessage(payload: Uint8Array, from: Address): void;
}

/** One connection. */
interface Exchange {
  readonly stream: StreamId;
  readonly reader: StreamReader;
  readonly timer: Timer;
  readonly message: (message: StreamMessage) => void;
  readonly failed: (reason: string) => void;
}

export class Exchanges {
  readonly #context: Context;
  readonly #table: MemberTable;
  readonly #membership: Membership;
  readonly #keyring: Keyring;
  readonly #host: ExchangeHost;
  readonly #format: StreamFormat;
  readonly #exchanges = new Map<StreamId, Exchange>();
  #lastStream = 0;

  constructor(parts: {
    context: Context;
    table: MemberTable;
    membership: Membership;
    keyring: Keyring;
    host: ExchangeHost;
  }) {
    this.#context = parts.context;
    this.#table = parts.table;
    this.#membership = parts.membership;
    this.#keyring = parts.keyring;
    this.#host = parts.host;
    const { settings } = parts.context;
    this.#format = {
      label: settings.label,
      compression: settings.compression,
      bytesMax: settings.streamBytesMax,
      decompressedBytesMax: settings.streamDecompressedBytesMax,
    };
  }

  start(): void {
    const { settings } = this.#context;
    if (settings.pushPullIntervalMs === 0) return;
    this.#context.every(
      () => pushPullIntervalMs(settings.pushPullIntervalMs, this.#table.living),
      () => this.#pushPullWithAnyone(),
    );
  }

  /**
   * To be called after a join. When many join at once, the first of them gossip among the few that
   * they know by then, and what they say may miss some of the later; one more push/pull, when the
   * storm is over, finds what would else be found only after pushPullIntervalMs.
   */
  repairSoon(): void {
    const { settings, random } = this.#context;
    if (settings.pushPullIntervalMs === 0) return;
    const delayMs = settings.gossipIntervalMs * repairRounds * (1 + random.fraction());
    this.#context.after(delayMs, () => this.#pushPullWithAnyone());
  }

  #pushPullWithAnyone(): void {
    const [peer] = this.#table.pick(
      1,
      (record) => record.state === 'alive' && record !== this.#membership.self,
    );
    if (peer === undefined) return;
    this.pushPull(peer.address, false, (failure) => {
      if (failure === undefined) return;
      this.#context.log('warn', `push/pull with '${peer.name}' failed: ${failure}`);
    });
  }

  /** Exchanges all with whoever is at `address`; `done` gets the reason if it fails. */
  pushPull(address: Address, join: boolean, done: (failure: string | undefined) => void): void {
    this.#context.count('push-pulls');
    this.#open({
      address,
      message: this.#localPushPull(join),
      timeoutMs: this.#context.settings.tcpTimeoutMs,
      answered: (message) => {
        if (message.type === 'error') return done(`refused: ${message.error}`);
        if (message.type !== 'push-pull') return done(`unexpected answer: ${message.type}`);
        // An answer's own join flag says nothing: we know whether we joined.
        done(this.#merge(message, join));
      },
      failed: done,
    });
  }

  /** Sends a user message that may be larger than a packet; nothing is answered. */
  sendUser(address: Address, payload: Uint8Array): void {
    this.#open({
      address,
      message: encodeUserStream(payload),
      timeoutMs: this.#context.settings.tcpTimeoutMs,
      // The receiver closes without an answer, which ends the exchange as it should.
      answered: () => {},
      failed: () => {},
    });
  }

  pingOverTcp(options: {
    address: Address;
    message: Uint8Array;
    sequence: number;
    timeoutMs: number;
    contact: () => void;
  }): void {
    this.#open({
      ...options,
      answered: (message) => {
        if (message.type === 'ack' && message.sequence === options.sequence) options.contact();
      },
      failed: () => {},
    });
  }

  accepted(stream: StreamId, from: Address): void {
    if (this.#exchanges.size >= this.#context.settings.streamsMax) {
      this.#context.count('streams-full');
      this.#answer(stream, encodeError('too many connections'));
      return;
    }
    this.#register({
      stream,
      opened: true,
      timeoutMs: this.#context.settings.tcpTimeoutMs,
      message: (message) => this.#serve(stream, from, message),
      failed: (reason) => this.#context.count(`stream-${reason}`),
    });
  }

  data(stream: StreamId, bytes: Uint8Array): void {
    const exchange = this.#exchanges.get(stream);
    if (exchange === undefined) return;
    try {
      const message = exchange.reader.push(bytes);
      if (message === undefined) return;
      this.#forget(exchange);
      exchange.message(message);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#fail(exchange, error.reason);
    }
  }

  closed(stream: StreamId, error: string | undefined): void {
    const exchange = this.#exchanges.get(stream);
    if (exchange === undefined) return;
    this.#forget(exchange);
    exchange.failed(error ?? 'closed before its end');
  }

  /** Ends all exchanges. */
  stop(): void {
    for (const exchange of [...this.#exchanges.values()]) this.#fail(exchange, 'stopped');
  }

  #open(options: {
    address: Address;
    message: Uint8Array;
    timeoutMs: number;
    answered: (message: StreamMessage) => void;
    failed: (reason: string) => void;
  }): void {
    if (this.#exchanges.size >= this.#context.settings.streamsMax) {
      this.#context.count('streams-full');
      options.failed('too many connections');
      return;
    }
    this.#lastStream += 2;
    const stream = this.#lastStream;
    this.#register({
      stream,
      opened: false,
      timeoutMs: options.timeoutMs,
      message: (message) => {
        this.#context.emit({ type: 'close-stream', stream });
        options.answered(message);
      },
      failed: options.failed,
    });
    this.#context.emit({
      type: 'open-stream',
      stream,
      to: options.address,
      bytes: sealStream(options.message, this.#format, this.#keyring, true),
      timeoutMs: options.timeoutMs,
    });
  }

  #register(options: {
    stream: StreamId;
    opened: boolean;
    timeoutMs: number;
    message: (message: StreamMessage) => void;
    failed: (reason: string) => void;
  }): void {
    const { stream, message, failed } = options;
    const exchange: Exchange = {
      stream,
      reader: new StreamReader(this.#format, this.#keyring, options.opened),
      timer: this.#context.after(options.timeoutMs, () => this.#fail(exchange, 'timed out')),
      message,
      failed,
    };
    this.#exchanges.set(stream, exchange);
  }

  #forget(exchange: Exchange): void {
    exchange.timer.cancel();
    this.#exchanges.delete(exchange.stream);
  }

  #fail(exchange: Exchange, reason: string): void {
    this.#forget(exchange);
    this.#context.emit({ type: 'close-stream', stream: exchange.stream });
    exchange.failed(reason);
  }

  #answer(stream: StreamId, message: Uint8Array): void {
    const bytes = sealStream(message, this.#format, this.#keyring, false);
    this.#context.emit({ type: 'write-stream', stream, bytes });
    this.#context.emit({ type: 'close-stream', stream });
  }

  /** Answers what came over a connection that somebody else opened. */
  #serve(stream: StreamId, from: Address, message: StreamMessage): void {
    if (message.type === 'ping') {
      const { name } = this.#membership.self;
      if (message.node === '' || message.node === name) {
        const { sequence } = message;
        this.#answer(stream, encodeAck({ sequence, payload: undefined }));
        return;
      }
      this.#context.count('ping-for-another');
    } else if (message.type === 'push-pull') {
      const fault = incompatibility(this.#table.all(), message.nodes);
      if (fault !== undefined) {
        this.#reportIncompatible(fault);
        this.#answer(stream, encodeError(`incompatible: ${fault}`));
        return;
      }
      // What we know before theirs: merged, it would only come back to them.
      this.#answer(stream, this.#localPushPull(message.join));
      this.#merge(message, message.join);
      return;
    } else if (message.type === 'user') {
      this.#host.userMessage(message.payload, from);
    } else {
      this.#context.count('stream-unexpected');
    }
    this.#context.emit({ type: 'close-stream', stream });
  }

  #localPushPull(join: boolean): Uint8Array {
    const nodes = this.#membership.nodes();
    return encodePushPull({ join, nodes, userState: this.#host.localState(join) });
  }

  /** Learns what the other side knows; returns why not, if not. */
  #merge(message: PushPullMessage, join: boolean): string | undefined {
    const fault = incompatibility(this.#table.all(), message.nodes);
    if (fault !== undefined) {
      this.#reportIncompatible(fault);
      return `incompatible: ${fault}`;
    }
    this.#membership.merge(message.nodes);
    if (message.userState.length > 0) this.#host.remoteState(message.userState, join);
    return undefined;
  }

  #reportIncompatible(fault: string): void {
    this.#context.count('incompatible');
    this.#context.log('error', `refused to merge with an incompatible cluster: ${fault}`);
  }
}

/** How often a member of so many starts a push/pull: all together, as often as 32 would. */
export function pushPullIntervalMs(baseMs: number, members: number): number {
  if (members <= pushPullMembersUnscaled) return baseMs;
  return baseMs * (Math.ceil(Math.log2(members) - Math.log2(pushPullMembersUnscaled)) + 1);
}
