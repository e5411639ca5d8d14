/**
 * Numbers in a fixed place: 32 bits, and 64 bits for whole numbers below 2^53, lowest byte first.
 * For the heads of blocks, which are looked at where they lie.
 */

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff;
  bytes[at + 1] = (value >>> 8) & 0xff;
  bytes[at + 2] = (value >>> 16) & 0xff;
  bytes[at + 3] = value >>> 24;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
}

/** A whole number in 0 … 2^53 − 1. */
export function writeWide(bytes: Uint8Array, at: number, value: number): void {
  writeUint32(bytes, at, value % 2 ** 32);
  writeUint32(bytes, at + 4, Math.floor(value / 2 ** 32));
}

/** May exceed 2^53 − 1 where the bytes are not what was written: check their checksum first. */
export function readWide(bytes: Uint8Array, at: number): number {
  const low = readUint32(bytes, at);
  const high = readUint32(bytes, at + 4);
  // V8 takes the sum for a fraction, and every object that it goes into for one that holds those.
  return high === 0 ? low : low + high * 2 ** 32;
}
