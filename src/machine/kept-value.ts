/**
 * Values as collections keep them, so that nothing outside the log can change them: primitives as
 * they are, plain objects and arrays as frozen copies, and what cannot be frozen (Map, Set, Date,
 * bytes) packed, to be unpacked anew for every reader.
 */
import { QuorateError } from '../base/errors.ts';
import { decodeValue } from './value-reader.ts';
import { encodeValue, valueDepthMax } from './value-writer.ts';

/** A value that holds something which cannot be frozen, in its wire form. */
class Packed {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** @throws QuorateError `unsupported-value`, `value-too-large` */
export function keepValue(value: unknown): unknown {
  if (typeof value !== 'object') {
    if (typeof value === 'function' || typeof value === 'symbol') encodeValue(value);
    return value;
  }
  if (value === null) return null;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  const frozen = frozenCopy(value, 0);
  return frozen === unfrozen ? new Packed(encodeValue(value)) : frozen;
}

/** What was kept, as a reader may have it. */
export function giveValue(kept: unknown): unknown {
  if (typeof kept !== 'object' || kept === null) return kept;
  if (kept instanceof Packed) return decodeValue(kept.bytes);
  return kept instanceof Uint8Array ? new Uint8Array(kept) : kept;
}

/** What was kept, for one who only looks: the codec and the hash. */
export function lookAtValue(kept: unknown): unknown {
  return kept instanceof Packed ? decodeValue(kept.bytes) : kept;
}

const unfrozen = Symbol('unfrozen');

function frozenCopy(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'function' || typeof value === 'symbol') encodeValue(value);
    return value;
  }
  if (depth >= valueDepthMax) {
    throw new QuorateError(
      'unsupported-value',
      `a value nests deeper than ${valueDepthMax}, or in a circle`,
    );
  }
  if (Array.isArray(value)) {
    const copy: unknown[] = [];
    for (const item of value) {
      const kept = frozenCopy(item, depth + 1);
      if (kept === unfrozen) return unfrozen;
      copy.push(kept);
    }
    return Object.freeze(copy);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return unfrozen;
  if (Object.hasOwn(value, '__proto__')) return unfrozen;
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    const kept = frozenCopy((value as Record<string, unknown>)[name], depth + 1);
    if (kept === unfrozen) return unfrozen;
    copy[name] = kept;
  }
  return Object.freeze(copy);
}
