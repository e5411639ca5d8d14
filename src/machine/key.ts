/**
 * Keys of collections, and their one order: booleans, numbers, bigints, strings (by code units),
 * bytes, lists of keys; among lists a prefix comes before what it begins. Collections in memory and
 * on disk walk in this order, so that every replica does.
 *
 * On disk a key is bytes whose own order is that order: `key-bytes.ts`.
 */
import { QuorateError } from '../base/errors.ts';

/** What may be a key: compared by content, never by identity. */
export type Key = string | number | bigint | boolean | Uint8Array | readonly Key[];

/** How deep lists of keys may nest. */
export const keyDepthMax = 8;

/** Before (negative), after (positive) or the same (0). */
export function compareKeys(a: Key, b: Key): number {
  if (typeof a === typeof b && typeof a !== 'object') return a < b ? -1 : a > b ? 1 : 0;
  const rank = rankOf(a) - rankOf(b);
  if (rank !== 0) return rank;
  const [left, right] = [a as readonly Key[] | Uint8Array, b as readonly Key[] | Uint8Array];
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const order = compareKeys(left[i]!, right[i]!);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function rankOf(key: Key): number {
  switch (typeof key) {
    case 'boolean':
      return 0;
    case 'number':
      return 1;
    case 'bigint':
      return 2;
    case 'string':
      return 3;
    default:
      return key instanceof Uint8Array ? 4 : 5;
  }
}

/**
 * A key as a collection keeps it: what could be changed from outside is copied.
 * @throws QuorateError `unsupported-value` for what is no key
 */
export function keepKey(key: Key, depth = 0): Key {
  switch (typeof key) {
    case 'string':
    case 'bigint':
    case 'boolean':
      return key;
    case 'number':
      if (Number.isNaN(key)) throw new QuorateError('unsupported-value', 'NaN is no key');
      // −0 and 0 are the same key.
      return key === 0 ? 0 : key;
    case 'object':
      if (key instanceof Uint8Array) return new Uint8Array(key);
      if (Array.isArray(key) && depth < keyDepthMax) {
        return Object.freeze(key.map((part: Key) => keepKey(part, depth + 1)));
      }
  }
  throw new QuorateError(
    'unsupported-value',
    'a key is a string, number, bigint, boolean, bytes, or a list of these',
  );
}

/** A kept key as it may be given out. */
export function giveKey(key: Key): Key {
  if (typeof key !== 'object') return key;
  return key instanceof Uint8Array ? new Uint8Array(key) : Object.freeze(key.map(giveKey));
}
