/**
 * LZW as Go's `compress/lzw` writes it with the least significant bit first and literals of eight
 * bits: 256 clears the table, 257 ends the data; codes start at nine bits and grow to twelve. The
 * reader widens its codes one code later than the writer could, which is the order of GIF, not of
 * TIFF. The output is capped while it is being made: a bomb costs the cap at most.
 */
import { WireError } from './wire-error.ts';

const clearCode = 256;
const endCode = 257;
const widthMin = 9;
const widthMax = 12;
const tableSize = 1 << widthMax;
const noCode = 0xffff;

// Scratch space: both directions are synchronous, and leave nothing behind that is read again.
const prefixes = new Uint16Array(tableSize);
const suffixes = new Uint8Array(tableSize);
const reversed = new Uint8Array(tableSize);

/**
 * Decompresses.
 *
 * @throws WireError `lzw-too-large` if there would be more than `bytesMax` bytes, `lzw-truncated`
 * if there is no end code, `lzw-bad-code` if a code does not exist.
 */
export function lzwDecompress(source: Uint8Array, bytesMax: number): Uint8Array {
  let output = new Uint8Array(Math.min(bytesMax, source.length * 4 + 64));
  let length = 0;
  let bits = 0;
  let bitCount = 0;
  let at = 0;
  let width = widthMin;
  let highest = endCode;
  let overflow = 1 << widthMin;
  let last = noCode;

  for (;;) {
    while (bitCount < width) {
      if (at >= source.length) throw new WireError('lzw-truncated');
      bits |= source[at++]! << bitCount;
      bitCount += 8;
    }
    const code = bits & ((1 << width) - 1);
    bits >>>= width;
    bitCount -= width;

    if (code === endCode) return output.slice(0, length);
    if (code === clearCode) {
      width = widthMin;
      highest = endCode;
      overflow = 1 << widthMin;
      last = noCode;
      continue;
    }
    if (code > highest) throw new WireError('lzw-bad-code');

    // A code spells its string backwards: suffix by suffix along the prefixes.
    let spelled = 0;
    let link = code;
    if (code === highest && last !== noCode) {
      // The code that is only now being defined: the last string, then its own first byte.
      link = last;
      while (link >= clearCode) link = prefixes[link]!;
      reversed[spelled++] = link;
      link = last;
    }
    while (link >= clearCode) {
      reversed[spelled++] = suffixes[link]!;
      link = prefixes[link]!;
    }
    reversed[spelled++] = link;
    if (length + spelled > bytesMax) throw new WireError('lzw-too-large');
    if (length + spelled > output.length) {
      const larger = new Uint8Array(Math.min(bytesMax, Math.max(output.length * 2, 4096)));
      larger.set(output);
      output = larger;
    }
    while (spelled > 0) output[length++] = reversed[--spelled]!;

    if (last !== noCode) {
      suffixes[highest] = link;
      prefixes[highest] = last;
    }
    last = code;
    highest++;
    if (highest >= overflow) {
      if (width === widthMax) {
        // The table is full: nothing more is defined until the writer clears it.
        last = noCode;
        highest--;
      } else {
        width++;
        overflow <<= 1;
      }
    }
  }
}

const hashBits = 14;
const hashMask = (1 << hashBits) - 1;
/** (prefix << 8 | byte) + 1, or 0 for a free place. */
const hashKeys = new Uint32Array(1 << hashBits);
const hashCodes = new Uint16Array(1 << hashBits);

/** Compresses. */
export function lzwCompress(source: Uint8Array): Uint8Array {
  // In the worst case every byte becomes a code of twelve bits, besides clear and end codes.
  const output = new Uint8Array(Math.ceil(source.length * 1.5) + 16);
  let length = 0;
  let bits = 0;
  let bitCount = 0;
  let width = widthMin;
  let highest = endCode;
  let overflow = 1 << widthMin;

  const write = (code: number) => {
    bits |= code << bitCount;
    bitCount += width;
    while (bitCount >= 8) {
      output[length++] = bits & 0xff;
      bits >>>= 8;
      bitCount -= 8;
    }
  };
  /** Counts a code; false if that was the last one and the table begins anew. */
  const advance = (): boolean => {
    highest++;
    if (highest === overflow) {
      width++;
      overflow <<= 1;
    }
    if (highest < tableSize - 1) return true;
    write(clearCode);
    width = widthMin;
    highest = endCode;
    overflow = 1 << widthMin;
    hashKeys.fill(0);
    return false;
  };

  hashKeys.fill(0);
  write(clearCode);
  if (source.length > 0) {
    let code = source[0]!;
    for (let at = 1; at < source.length; at++) {
      const byte = source[at]!;
      const key = ((code << 8) | byte) + 1;
      let place = (Math.imul(key, 0x9e3779b1) >>> (32 - hashBits)) & hashMask;
      while (hashKeys[place] !== 0 && hashKeys[place] !== key) place = (place + 1) & hashMask;
      if (hashKeys[place] === key) {
        code = hashCodes[place]!;
        continue;
      }
      write(code);
      code = byte;
      if (advance()) {
        hashKeys[place] = key;
        hashCodes[place] = highest;
      }
    }
    write(code);
    advance();
  }
  write(endCode);
  if (bitCount > 0) output[length++] = bits & 0xff;
  return output.slice(0, length);
}
