/**
 * Randomness for jitter and shuffles: a seeded generator, faster than the system's, seeded from it.
 * Secrets come from the Crypto port.
 */
import { randomBytes } from 'node:crypto';
import { SeededRandom } from '../base/seeded-random.ts';
import type { Random } from '../ports/random.ts';

/** A generator of its own for this process. */
export function nodeRandom(): Random {
  const seed = randomBytes(8);
  return new SeededRandom((seed.readUInt32LE(0) & 0x1fffff) * 2 ** 32 + seed.readUInt32LE(4));
}
