/** Byte strings, one behind the other. */

const nothing = new Uint8Array(0);

/** The parts as one; the part itself where there is only one. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const [first = nothing] = parts;
  if (parts.length < 2) return first;
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
