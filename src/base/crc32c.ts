/**
 * CRC32C, the Castagnoli polynomial (RFC 3720, section 12.1), as disks, iSCSI and ext4 use it: it
 * finds accidents (torn writes, flipped bits) in the log, in snapshots and in frames, not malice.
 *
 * Eight bytes are taken at a time with eight tables ("slicing-by-8", Kounavis and Berry, "A
 * Systematic Approach to Building High Performance Software-Based CRC Generators", 2005): table k
 * holds what a byte contributes when k more bytes follow it, so that eight look-ups do not wait
 * for each other.
 */

/** The polynomial 0x1EDC6F41 with its bits reversed, for the least significant bit first. */
const polynomial = 0x82f63b78;

/** Table k stands at 256 · k … 256 · k + 255. */
const tables = makeTables();

function makeTables(): Int32Array {
  const made = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = remainder & 1 ? (remainder >>> 1) ^ polynomial : remainder >>> 1;
    }
    made[byte] = remainder;
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256]!;
    made[at] = (before >>> 8) ^ made[before & 0xff]!;
  }
  return made;
}

/**
 * The CRC32C of `bytes[start … end − 1]`: 0 … 2^32 − 1.
 *
 * @param before the checksum of what came before these bytes, to go on from; 0 at the beginning.
 *   `crc32c(b, 0, b.length, crc32c(a))` is the checksum of `a` followed by `b`.
 */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, before = 0): number {
  const table = tables;
  let crc = ~before;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      table[1792 + (crc & 0xff)]! ^
      table[1536 + ((crc >>> 8) & 0xff)]! ^
      table[1280 + ((crc >>> 16) & 0xff)]! ^
      table[1024 + (crc >>> 24)]! ^
      table[768 + bytes[at + 4]!]! ^
      table[512 + bytes[at + 5]!]! ^
      table[256 + bytes[at + 6]!]! ^
      table[bytes[at + 7]!]!;
  }
  for (; at < end; at++) crc = table[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
