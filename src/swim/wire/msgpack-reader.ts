/**
 * Reads msgpack, the dialect of {@link file://./msgpack-writer.ts the writer} and the newer forms
 * too. It never allocates by a length that it has read: a length beyond the bytes at hand is refused
 * first, so that what is allocated is bounded by what arrived.
 */
import { NeedMoreBytes, WireError } from './wire-error.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const noBytes: Uint8Array = new Uint8Array(0);

/** Reads values from bytes. Throws a {@link WireError}; {@link NeedMoreBytes} if they end early. */
export class MsgpackReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  /** Where the next value begins. */
  offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.#bytes = bytes;
    this.#end = bytes.length;
    this.offset = offset;
  }

  get bytesLeft(): number {
    return this.#end - this.offset;
  }

  /** Everything that follows, uncopied. */
  rest(): Uint8Array {
    return this.#bytes.subarray(this.offset);
  }

  byte(): number {
    this.#need(1);
    return this.#bytes[this.offset++]!;
  }

  /** `length` bytes as they stand, uncopied. */
  plain(length: number): Uint8Array {
    this.#need(length);
    this.offset += length;
    return this.#bytes.subarray(this.offset - length, this.offset);
  }

  /** The number of entries of a map; nil counts as an empty one. */
  map(): number {
    const head = this.byte();
    if (head >= 0x80 && head <= 0x8f) return head & 0x0f;
    if (head === 0xde) return this.#uint16();
    if (head === 0xdf) return this.#uint32();
    if (head === 0xc0) return 0;
    throw new WireError('not-a-map');
  }

  array(): number {
    const head = this.byte();
    if (head >= 0x90 && head <= 0x9f) return head & 0x0f;
    if (head === 0xdc) return this.#uint16();
    if (head === 0xdd) return this.#uint32();
    if (head === 0xc0) return 0;
    throw new WireError('not-an-array');
  }

  boolean(): boolean {
    const head = this.byte();
    if (head === 0xc2 || head === 0xc0) return false;
    if (head === 0xc3) return true;
    throw new WireError('not-a-boolean');
  }

  /** A whole number in 0 … `max` (at most 2^53 − 1), of whatever integer form. */
  uint(max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#integer(this.byte());
    if (value < 0 || value > max) throw new WireError('number-out-of-range');
    return value;
  }

  float(): number {
    const head = this.byte();
    if (head === 0xcb) return viewOf(this.plain(8)).getFloat64(0);
    if (head === 0xca) return viewOf(this.plain(4)).getFloat32(0);
    return this.#integer(head);
  }

  /** A byte string, uncopied; nil counts as an empty one. */
  raw(): Uint8Array {
    const head = this.byte();
    if (head >= 0xa0 && head <= 0xbf) return this.plain(head & 0x1f);
    switch (head) {
      case 0xda:
      case 0xc5:
        return this.plain(this.#uint16());
      case 0xdb:
      case 0xc6:
        return this.plain(this.#uint32());
      case 0xd9:
      case 0xc4:
        return this.plain(this.byte());
      case 0xc0:
        return noBytes;
      default:
        throw new WireError('not-raw');
    }
  }

  /** A string of at most `bytesMax` bytes of valid UTF-8. */
  string(bytesMax: number): string {
    const raw = this.raw();
    if (raw.length > bytesMax) throw new WireError('string-too-long');
    return textOf(raw);
  }

  /** Passes over one value of any type, without recursion. */
  skip(): void {
    // Counting what is left to skip needs no stack; each value takes a byte at least, so the
    // loop ends with the bytes.
    for (let left = 1; left > 0; left--) {
      const head = this.byte();
      if (head < 0x80 || head >= 0xe0) continue;
      if (head <= 0x8f) left += (head & 0x0f) * 2;
      else if (head <= 0x9f) left += head & 0x0f;
      else if (head <= 0xbf) this.plain(head & 0x1f);
      else left += this.#skipWide(head);
    }
  }

  /** Skips the body of a value whose head is in C0 … DF; returns how many values follow in it. */
  #skipWide(head: number): number {
    switch (head) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return 0;
      case 0xc4:
      case 0xd9:
        this.plain(this.byte());
        return 0;
      case 0xc5:
      case 0xda:
        this.plain(this.#uint16());
        return 0;
      case 0xc6:
      case 0xdb:
        this.plain(this.#uint32());
        return 0;
      case 0xc7:
        this.plain(this.byte() + 1);
        return 0;
      case 0xc8:
        this.plain(this.#uint16() + 1);
        return 0;
      case 0xc9:
        this.plain(this.#uint32() + 1);
        return 0;
      case 0xcc:
      case 0xd0:
        this.plain(1);
        return 0;
      case 0xcd:
      case 0xd1:
        this.plain(2);
        return 0;
      case 0xca:
      case 0xce:
      case 0xd2:
        this.plain(4);
        return 0;
      case 0xcb:
      case 0xcf:
      case 0xd3:
        this.plain(8);
        return 0;
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        this.plain(1 + (1 << (head - 0xd4)));
        return 0;
      case 0xdc:
        return this.#uint16();
      case 0xdd:
        return this.#uint32();
      case 0xde:
        return this.#uint16() * 2;
      case 0xdf:
        return this.#uint32() * 2;
      default:
        throw new WireError('unknown-type');
    }
  }

  #integer(head: number): number {
    if (head < 0x80) return head;
    if (head >= 0xe0) return head - 0x100;
    switch (head) {
      case 0xcc:
        return this.byte();
      case 0xcd:
        return this.#uint16();
      case 0xce:
        return this.#uint32();
      case 0xcf:
        return this.#uint32() * 2 ** 32 + this.#uint32();
      case 0xd0:
        return (this.byte() << 24) >> 24;
      case 0xd1:
        return (this.#uint16() << 16) >> 16;
      case 0xd2:
        return this.#uint32() | 0;
      case 0xd3:
        return (this.#uint32() | 0) * 2 ** 32 + this.#uint32();
      default:
        throw new WireError('not-a-number');
    }
  }

  #uint16(): number {
    this.#need(2);
    const at = this.offset;
    this.offset = at + 2;
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  #uint32(): number {
    return this.#uint16() * 0x1_0000 + this.#uint16();
  }

  #need(more: number): void {
    if (this.offset + more > this.#end) throw new NeedMoreBytes(this.offset + more);
  }
}

// Floats are rare, and a view for every message would cost more than the message.
function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Valid UTF-8 as text. @throws WireError `invalid-utf8` */
export function textOf(raw: Uint8Array): string {
  if (raw.length <= 32) {
    let text = '';
    for (let index = 0; index < raw.length; index++) {
      const unit = raw[index]!;
      if (unit >= 0x80) return decodeUtf8(raw);
      text += String.fromCharCode(unit);
    }
    return text;
  }
  return decodeUtf8(raw);
}

function decodeUtf8(raw: Uint8Array): string {
  try {
    return decoder.decode(raw);
  } catch {
    throw new WireError('invalid-utf8');
  }
}
