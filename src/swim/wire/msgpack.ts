/**
 * The msgpack of memberlist and Serf, which is that of an old Go library: structs are maps with
 * sorted field names; strings and byte slices are both "raw" in the forms of 2011 (A0–BF, DA, DB),
 * since str8 and bin did not exist; unsigned integers take the shortest form; floats are always
 * eight bytes. General libraries write the newer forms, which old peers refuse: hence these lines.
 *
 * The reader takes the newer forms too. It never allocates by a length that it has read: a length
 * beyond the bytes at hand is refused first, so that what is allocated is bounded by what arrived.
 */
import { NeedMoreBytes, WireError } from './wire-error.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const noBytes: Uint8Array = new Uint8Array(0);

/** A struct's field name as it stands on the wire. */
export function fieldName(name: string): Uint8Array {
  const writer = new MsgpackWriter(64);
  writer.string(name);
  return writer.finish();
}

/** Builds a message in a buffer that it owns and reuses; `finish` copies out and starts anew. */
export class MsgpackWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacityBytes = 512) {
    this.#bytes = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** Copies what was written and forgets it. */
  finish(): Uint8Array {
    const copy = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return copy;
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  /** Bytes as they are, without a header: field names, nested messages. */
  plain(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  map(size: number): this {
    return this.#sized(size, 0x80, 0xde);
  }

  array(size: number): this {
    return this.#sized(size, 0x90, 0xdc);
  }

  nil(): this {
    return this.byte(0xc0);
  }

  boolean(value: boolean): this {
    return this.byte(value ? 0xc3 : 0xc2);
  }

  /** A whole number in 0 … 2^53 − 1, in the shortest form. */
  uint(value: number): this {
    if (value < 0x80) return this.byte(value);
    this.#reserve(9);
    const at = this.#length;
    if (value < 0x100) {
      this.#bytes[at] = 0xcc;
      this.#bytes[at + 1] = value;
      this.#length += 2;
    } else if (value < 0x1_0000) {
      this.#bytes[at] = 0xcd;
      this.#view.setUint16(at + 1, value);
      this.#length += 3;
    } else if (value < 0x1_0000_0000) {
      this.#bytes[at] = 0xce;
      this.#view.setUint32(at + 1, value);
      this.#length += 5;
    } else {
      this.#bytes[at] = 0xcf;
      this.#view.setUint32(at + 1, Math.floor(value / 2 ** 32));
      this.#view.setUint32(at + 5, value >>> 0);
      this.#length += 9;
    }
    return this;
  }

  float(value: number): this {
    this.#reserve(9);
    this.#bytes[this.#length] = 0xcb;
    this.#view.setFloat64(this.#length + 1, value);
    this.#length += 9;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#rawHeader(bytes.length);
    return this.plain(bytes);
  }

  string(text: string): this {
    // UTF-8 takes at most three bytes for a UTF-16 unit. Nearly all names are short.
    if (text.length <= 31) {
      this.#reserve(1 + text.length * 3);
      const start = this.#length + 1;
      let at = start;
      for (let index = 0; index < text.length; index++) {
        const unit = text.charCodeAt(index);
        if (unit >= 0x80) return this.raw(encoder.encode(text));
        this.#bytes[at++] = unit;
      }
      this.#bytes[start - 1] = 0xa0 | text.length;
      this.#length = at;
      return this;
    }
    return this.raw(encoder.encode(text));
  }

  #rawHeader(length: number): void {
    this.#reserve(5);
    if (length < 32) {
      this.#bytes[this.#length++] = 0xa0 | length;
    } else if (length < 0x1_0000) {
      this.#bytes[this.#length] = 0xda;
      this.#view.setUint16(this.#length + 1, length);
      this.#length += 3;
    } else {
      this.#bytes[this.#length] = 0xdb;
      this.#view.setUint32(this.#length + 1, length);
      this.#length += 5;
    }
  }

  #sized(size: number, fixed: number, wide: number): this {
    this.#reserve(5);
    if (size < 16) return this.byte(fixed | size);
    if (size < 0x1_0000) {
      this.#bytes[this.#length] = wide;
      this.#view.setUint16(this.#length + 1, size);
      this.#length += 3;
    } else {
      this.#bytes[this.#length] = wide + 1;
      this.#view.setUint32(this.#length + 1, size);
      this.#length += 5;
    }
    return this;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** Reads values from bytes. Throws a {@link WireError}; {@link NeedMoreBytes} if they end early. */
export class MsgpackReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  /** Where the next value begins. */
  offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
    if (head === 0xcb) {
      this.#need(8);
      this.offset += 8;
      return this.#view.getFloat64(this.offset - 8);
    }
    if (head === 0xca) {
      this.#need(4);
      this.offset += 4;
      return this.#view.getFloat32(this.offset - 4);
    }
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
    const at = this.offset;
    switch (head) {
      case 0xcc:
        return this.byte();
      case 0xcd:
        return this.#uint16();
      case 0xce:
        return this.#uint32();
      case 0xcf: {
        this.#need(8);
        this.offset += 8;
        return this.#view.getUint32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
      }
      case 0xd0:
        this.#need(1);
        this.offset += 1;
        return this.#view.getInt8(at);
      case 0xd1:
        this.#need(2);
        this.offset += 2;
        return this.#view.getInt16(at);
      case 0xd2:
        this.#need(4);
        this.offset += 4;
        return this.#view.getInt32(at);
      case 0xd3:
        this.#need(8);
        this.offset += 8;
        return this.#view.getInt32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
      default:
        throw new WireError('not-a-number');
    }
  }

  #uint16(): number {
    this.#need(2);
    this.offset += 2;
    return this.#view.getUint16(this.offset - 2);
  }

  #uint32(): number {
    this.#need(4);
    this.offset += 4;
    return this.#view.getUint32(this.offset - 4);
  }

  #need(more: number): void {
    if (this.offset + more > this.#end) throw new NeedMoreBytes(this.offset + more);
  }
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
