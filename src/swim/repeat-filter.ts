/**
 * A filter for news that was heard a moment ago, byte for byte. Gossip brings each piece to a member
 * about as often as it may be sent, a dozen times at 200 members, and all but the first say nothing
 * new: reading them was most of what a storm of joins cost.
 *
 * Only news of a kind that is idempotent may be asked about. Pieces are known by a hash of 64 bits:
 * two that share one by chance would have to meet within seconds, and a lost piece is repaired like
 * any other that a network loses. What was heard is forgotten after a few seconds, so that nothing
 * is kept from a member whose record of it was dropped meanwhile.
 */
import { messageTypes } from './wire/messages.ts';
import { serfTypes } from './wire/serf-messages.ts';

/** What was heard is remembered for once to twice as long as this. */
const generationMs = 2_000;

/** … and is forgotten earlier where so much comes in. */
const generationMax = 8_192;

/** Remembers news by hash, for some seconds. */
export class RepeatFilter {
  #young = new Set<number>();
  #old = new Set<number>();
  #youngSinceMs = 0;

  /** Whether these bytes were heard a moment ago; from now on they were. */
  heard(body: Uint8Array, nowMs: number): boolean {
    if (!isNews(body)) return false;
    if (nowMs - this.#youngSinceMs >= generationMs || this.#young.size >= generationMax) {
      // After a long silence both are too old.
      this.#old = nowMs - this.#youngSinceMs < 2 * generationMs ? this.#young : new Set();
      this.#young = new Set();
      this.#youngSinceMs = nowMs;
    }
    const hash = hashOf(body);
    if (this.#young.has(hash) || this.#old.has(hash)) return true;
    this.#young.add(hash);
    return false;
  }
}

/** Whether hearing it twice is like hearing it once. Answers of queries are not among these. */
function isNews(body: Uint8Array): boolean {
  switch (body[0]) {
    case messageTypes.alive:
    case messageTypes.suspect:
    case messageTypes.dead:
      return true;
    case messageTypes.user:
      return (
        body[1] === serfTypes.join ||
        body[1] === serfTypes.leave ||
        body[1] === serfTypes.userEvent ||
        body[1] === serfTypes.query
      );
    default:
      return false;
  }
}

/** Two FNV-1a hashes from different bases, as one whole number of 53 bits. */
function hashOf(bytes: Uint8Array): number {
  let high = 0x811c9dc5;
  let low = 0x9747b28c;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    high = Math.imul(high ^ byte, 0x01000193);
    low = Math.imul((low ^ byte) + 0x7ed55d16, 0x85ebca6b) ^ (low >>> 13);
  }
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0);
}
