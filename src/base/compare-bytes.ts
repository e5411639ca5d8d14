/** The order of byte strings: byte by byte, a prefix before what it begins. */

/** Below 0, 0 or above 0 as `a` comes before, is equal to or comes after `b`. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = a.length < b.length ? a.length : b.length;
  for (let at = 0; at < shared; at++) {
    const difference = a[at]! - b[at]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Whether two byte strings are the same; quicker than their order where they differ in length. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/**
 * The first byte string after all that begin with `prefix`, as the end of a range; undefined where
 * there is none, since the prefix is empty or all 0xff.
 */
export function prefixEnd(prefix: Uint8Array): Uint8Array | undefined {
  for (let at = prefix.length - 1; at >= 0; at--) {
    if (prefix[at] === 0xff) continue;
    const end = prefix.slice(0, at + 1);
    end[at]!++;
    return end;
  }
  return undefined;
}
