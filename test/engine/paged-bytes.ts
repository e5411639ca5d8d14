/** Bytes in pages that are never changed but replaced, so that copies cost next to nothing. */
const pageBytes = 4096;

export class PagedBytes {
  readonly length: number;
  readonly #pages: readonly (Uint8Array | undefined)[];

  constructor(length: number, pages: readonly (Uint8Array | undefined)[] = []) {
    this.length = length;
    this.#pages = pages;
  }

  static from(bytes: Uint8Array): PagedBytes {
    return new PagedBytes(0).with(0, bytes);
  }

  /** A copy of the bytes from `from` up to `to`, as far as there are any. */
  slice(from = 0, to = this.length): Uint8Array {
    const end = Math.min(to, this.length);
    const bytes = new Uint8Array(Math.max(0, end - from));
    for (let at = from; at < end; ) {
      const offset = at % pageBytes;
      const length = Math.min(pageBytes - offset, end - at);
      const page = this.#pages[Math.floor(at / pageBytes)];
      if (page !== undefined) bytes.set(page.subarray(offset, offset + length), at - from);
      at += length;
    }
    return bytes;
  }

  /** These bytes with others written over them, longer where that is needed. */
  with(position: number, bytes: Uint8Array): PagedBytes {
    const pages = [...this.#pages];
    for (let at = 0; at < bytes.length; ) {
      const number = Math.floor((position + at) / pageBytes);
      const offset = (position + at) % pageBytes;
      const length = Math.min(pageBytes - offset, bytes.length - at);
      const page = pages[number]?.slice() ?? new Uint8Array(pageBytes);
      page.set(bytes.subarray(at, at + length), offset);
      pages[number] = page;
      at += length;
    }
    return new PagedBytes(Math.max(this.length, position + bytes.length), pages);
  }

  /** Cut, or continued with zeros. */
  resized(length: number): PagedBytes {
    if (length >= this.length) return new PagedBytes(length, this.#pages);
    return PagedBytes.from(this.slice(0, length));
  }
}
