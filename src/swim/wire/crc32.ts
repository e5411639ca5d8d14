/** The CRC-32 of IEEE 802.3 (reflected, polynomial EDB88320), as memberlist puts it before packets. */

const table = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  }
  table[byte] = remainder;
}

/** The checksum of `bytes` from `start` to the end, in 0 … 2^32 − 1. */
export function crc32(bytes: Uint8Array, start = 0): number {
  let remainder = 0xffffffff;
  for (let at = start; at < bytes.length; at++) {
    remainder = table[(remainder ^ bytes[at]!) & 0xff]! ^ (remainder >>> 8);
  }
  return (remainder ^ 0xffffffff) >>> 0;
}
