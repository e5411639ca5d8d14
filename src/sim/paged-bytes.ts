/**
 * Bytes in pages, most of which are shared: between what a file holds in memory and what it holds
 * on disk, and among all pages of zeros. A page is copied when one of its owners writes to it, so
 * that a preallocated log of many megabytes costs what was written to it.
 */
export const pageBytes = 4096;

const zeroPage = new Uint8Array(pageBytes);

/** A sparse run of bytes; what was never written is zero, and not allocated. */
export class PagedBytes {
  /** Pages that may be in use elsewhere too, unless they are in {@link #own}. */
  readonly #pages = new Map<number, Uint8Array>();
  readonly #own = new Set<number>();
  sizeBytes = 0;

  /** How many pages are allocated. */
  get pageCount(): number {
    return this.#pages.size;
  }

  /** The pages that are allocated from `position` to before `end`. */
  allocatedWithin(position: number, end: number): number {
    let count = 0;
    for (let page = Math.floor(position / pageBytes); page * pageBytes < end; page++) {
      if (this.#pages.has(page)) count++;
    }
    return count;
  }

  read(into: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(into.length, this.sizeBytes - position));
    for (let at = 0; at < length; ) {
      const page = Math.floor((position + at) / pageBytes);
      const from = position + at - page * pageBytes;
      const count = Math.min(pageBytes - from, length - at);
      const content = this.#pages.get(page);
      if (content === undefined) into.fill(0, at, at + count);
      else into.set(content.subarray(from, from + count), at);
      at += count;
    }
    return length;
  }

  write(bytes: Uint8Array, position: number): void {
    for (let at = 0; at < bytes.length; ) {
      const page = Math.floor((position + at) / pageBytes);
      const from = position + at - page * pageBytes;
      const count = Math.min(pageBytes - from, bytes.length - at);
      this.#writable(page).set(bytes.subarray(at, at + count), from);
      at += count;
    }
    if (bytes.length > 0) this.sizeBytes = Math.max(this.sizeBytes, position + bytes.length);
  }

  /** Allocates whole pages of zeros where there are none, up to a size. */
  allocate(sizeBytes: number): void {
    for (let page = 0; page * pageBytes < sizeBytes; page++) {
      if (!this.#pages.has(page)) this.#pages.set(page, zeroPage);
    }
    this.sizeBytes = Math.max(this.sizeBytes, sizeBytes);
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes < this.sizeBytes) {
      const last = Math.floor(sizeBytes / pageBytes);
      for (const page of this.#pages.keys()) {
        if (page * pageBytes < sizeBytes) continue;
        this.#pages.delete(page);
        this.#own.delete(page);
      }
      const within = sizeBytes - last * pageBytes;
      if (within > 0 && this.#pages.has(last)) this.#writable(last).fill(0, within);
    }
    this.sizeBytes = sizeBytes;
  }

  /** Takes a page as it is in `other`, and shares it from now on. */
  sharePage(other: PagedBytes, page: number): void {
    const content = other.#pages.get(page);
    if (content === undefined) this.#pages.delete(page);
    else this.#pages.set(page, content);
    this.#own.delete(page);
    other.#own.delete(page);
  }

  /** The page that holds these bytes, for those who know whom they share it with. */
  page(number: number): Uint8Array | undefined {
    return this.#pages.get(number);
  }

  /** The same bytes, sharing all pages. */
  clone(): PagedBytes {
    const copy = new PagedBytes();
    for (const [page, content] of this.#pages) copy.#pages.set(page, content);
    this.#own.clear();
    copy.sizeBytes = this.sizeBytes;
    return copy;
  }

  #writable(page: number): Uint8Array {
    const content = this.#pages.get(page);
    if (content !== undefined && this.#own.has(page)) return content;
    const copy = content === undefined ? new Uint8Array(pageBytes) : content.slice();
    this.#pages.set(page, copy);
    this.#own.add(page);
    return copy;
  }
}
