/**
 * Sends messages, and with them what waits to be gossiped. News rides on every packet that goes to
 * a member anyway; besides, every gossipIntervalMs some of it goes to gossipNodes random members.
 *
 * Unlike memberlist's, our rounds do not run while there is nothing to say, and the first news
 * after a pause of an interval leaves at once: the rate is the same, the wait is not. And where one
 * packet does not hold what was never sent (hundreds join at once), a round takes up to four. How
 * often each piece is sent in all, and so what news costs, remains the same.
 *
 * Nothing rides on packets to addresses at which no member is known, for otherwise a forged source
 * would turn us into an amplifier.
 */
import type { Address } from './api.ts';
import type { BroadcastQueue } from './broadcast-queue.ts';
import type { Context } from './context.ts';
import type { MemberRecord, MemberTable } from './member-table.ts';
import { protocolOf } from './protocol-versions.ts';
import type { Timer } from './timers.ts';
import { compoundPartsMax, encodeCompound, type PacketCodec } from './wire/packet.ts';

/** Type and count of a compound; each part adds its length. */
const compoundHeaderBytes = 2;
const compoundPartBytes = 2;
/** Packets to one target in one round, while there is news that was never sent. */
const burstPacketsMax = 4;
/** While nobody is there to hear, we look so many times less often. */
const aloneFactor = 5;

export class Disseminator {
  readonly #context: Context;
  readonly #table: MemberTable;
  readonly #codec: PacketCodec;
  /** In the order in which they may fill a packet. */
  readonly #queues: readonly BroadcastQueue[];
  readonly #self: string;
  #lastRoundMs = Number.NEGATIVE_INFINITY;
  #roundTimer: Timer | undefined;

  constructor(parts: {
    context: Context;
    table: MemberTable;
    codec: PacketCodec;
    queues: readonly BroadcastQueue[];
    self: string;
  }) {
    this.#context = parts.context;
    this.#table = parts.table;
    this.#codec = parts.codec;
    this.#queues = parts.queues;
    this.#self = parts.self;
  }

  /** Sends a message as it is. */
  send(to: Address, message: Uint8Array, checksum = false): void {
    this.#context.count('packets-sent');
    this.#context.emit({ type: 'send-packet', to, bytes: this.#codec.seal(message, checksum) });
  }

  /** Sends a message, with as much news as fits if a member is there. */
  sendWithNews(to: Address, message: Uint8Array): void {
    if (!this.#table.knowsAddress(to)) {
      this.send(to, message);
      return;
    }
    const pieces = [message];
    this.#takeNews(pieces, message.length + compoundPartBytes);
    this.send(to, pieces.length === 1 ? message : encodeCompound(pieces));
  }

  /** To be called when an input has been handled: starts a round if there is news and it is time. */
  schedule(): void {
    if (this.#roundTimer !== undefined || !this.hasNews) return;
    const { nowMs, settings } = this.#context;
    const dueMs = this.#lastRoundMs + settings.gossipIntervalMs;
    if (dueMs <= nowMs) {
      this.#round();
      return;
    }
    this.#roundTimer = this.#context.timers.at(dueMs, () => this.#round());
  }

  get hasNews(): boolean {
    return this.#queues.some((queue) => queue.length > 0);
  }

  #round(): void {
    const { nowMs, settings } = this.#context;
    this.#roundTimer = undefined;
    this.#lastRoundMs = nowMs;
    const targets = this.#table.pick(settings.gossipNodes, (record) => this.#hears(record));
    for (const target of targets) {
      this.#sendNews(target);
      for (let packets = 1; packets < burstPacketsMax && this.#hasUnsent; packets++) {
        this.#sendNews(target);
      }
    }
    if (!this.hasNews) return;
    const waitMs = settings.gossipIntervalMs * (targets.length === 0 ? aloneFactor : 1);
    this.#roundTimer = this.#context.after(waitMs, () => this.#round());
  }

  #sendNews(target: MemberRecord): void {
    const pieces: Uint8Array[] = [];
    this.#takeNews(pieces, 0);
    if (pieces.length === 0) return;
    const message = pieces.length === 1 ? pieces[0]! : encodeCompound(pieces);
    this.send(target.address, message, target.versions[1]! >= protocolOf.checksum);
  }

  get #hasUnsent(): boolean {
    return this.#queues.some((queue) => queue.hasUnsent);
  }

  /** The dead hear of their death for a while, so that they can refute; those who left do not. */
  #hears(record: MemberRecord): boolean {
    if (record.name === this.#self || record.state === 'left') return false;
    if (record.state !== 'dead') return true;
    const { nowMs, settings } = this.#context;
    return nowMs - record.stateChangeMs <= settings.gossipToTheDeadMs;
  }

  #takeNews(pieces: Uint8Array[], bytesUsed: number): void {
    const { packetBytesMax } = this.#context.settings;
    let bytesMax = packetBytesMax - compoundHeaderBytes - this.#codec.overheadBytes - bytesUsed;
    for (const queue of this.#queues) {
      bytesMax -= queue.take(pieces, {
        members: this.#table.living,
        overheadBytes: compoundPartBytes,
        bytesMax,
        piecesMax: compoundPartsMax - pieces.length,
      });
    }
  }
}
