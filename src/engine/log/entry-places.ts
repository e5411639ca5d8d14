/**
 * Where on disk each entry of a group lies, how long it is and its checksum: twelve bytes an entry,
 * in columns, so that a million entries cost neither a million objects nor a read to be found.
 * The segment is kept apart, since it seldom changes.
 */
import { assert } from '../../base/assert.ts';

/** The least that the columns hold room for: a member may have thousands of quiet groups. */
const capacityMin = 16;

export class EntryPlaces {
  /** The index that the first used place of the columns belongs to. */
  #firstIndex = 1;
  /** Places before this one are free: entries that were dropped from the front. */
  #start = 0;
  #count = 0;
  #positions = new Uint32Array(capacityMin);
  /** Twice the length, plus one for a configuration. */
  #lengths = new Uint32Array(capacityMin);
  #checksums = new Uint32Array(capacityMin);

  get firstIndex(): number {
    return this.#firstIndex;
  }

  get lastIndex(): number {
    return this.#firstIndex + this.#count - 1;
  }

  /** Begins anew, empty, before `firstIndex`. */
  reset(firstIndex: number): void {
    this.#firstIndex = firstIndex;
    this.#count = 0;
    this.#start = 0;
    if (this.#positions.length > capacityMin) this.#move(capacityMin);
  }

  /** Adds an entry whose place is not known yet. */
  extend(): void {
    if (this.#start + this.#count === this.#positions.length) {
      // Where half is free room at the front, moving is enough.
      const used = this.#positions.length;
      this.#move(this.#start > used / 2 ? used : used * 2);
    }
    this.#positions[this.#start + this.#count++] = 0;
  }

  set(
    index: number,
    place: {
      readonly position: number;
      readonly lengthBytes: number;
      readonly isConfiguration: boolean;
      readonly checksum: number;
    },
  ): void {
    const at = this.#at(index);
    this.#positions[at] = place.position;
    this.#lengths[at] = place.lengthBytes * 2 + (place.isConfiguration ? 1 : 0);
    this.#checksums[at] = place.checksum;
  }

  /** Where its data begins in its segment; 0 while that is not known. */
  position(index: number): number {
    return this.#positions[this.#at(index)]!;
  }

  lengthBytes(index: number): number {
    return this.#lengths[this.#at(index)]! >>> 1;
  }

  isConfiguration(index: number): boolean {
    return (this.#lengths[this.#at(index)]! & 1) === 1;
  }

  checksum(index: number): number {
    return this.#checksums[this.#at(index)]!;
  }

  cutFrom(index: number): void {
    this.#count = Math.max(0, Math.min(this.#count, index - this.#firstIndex));
  }

  dropThrough(index: number): void {
    const drop = Math.min(this.#count, Math.max(0, index + 1 - this.#firstIndex));
    this.#start += drop;
    this.#count -= drop;
    this.#firstIndex += drop;
    const capacity = this.#positions.length;
    if (capacity > capacityMin && this.#count * 8 < capacity) {
      this.#move(Math.max(capacityMin, this.#count * 2));
    }
  }

  #at(index: number): number {
    const offset = index - this.#firstIndex;
    assert(offset >= 0 && offset < this.#count, () => `entry ${index} has no place`);
    return this.#start + offset;
  }

  #move(capacity: number): void {
    this.#positions = this.#moved(this.#positions, capacity);
    this.#lengths = this.#moved(this.#lengths, capacity);
    this.#checksums = this.#moved(this.#checksums, capacity);
    this.#start = 0;
  }

  #moved(column: Uint32Array, capacity: number): Uint32Array<ArrayBuffer> {
    const moved = new Uint32Array(capacity);
    moved.set(column.subarray(this.#start, this.#start + this.#count));
    return moved;
  }
}
