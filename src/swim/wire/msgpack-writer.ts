/**
 * The msgpack of memberlist and Serf, which is that of an old Go library: structs are maps with
 * sorted field names; strings and byte slices are both "raw" in the forms of 2011 (A0–BF, DA, DB),
 * since str8 and bin did not exist; unsigned integers take the shortest form; floats are always
 * eight bytes. General libraries write the newer forms, which old peers refuse: hence these lines.
 */

const encoder = new TextEncoder();

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
