/**
 * Reading header fields (HPACK, RFC 7541): a block is a list of fields, most of them indices into a
 * table that both sides keep alike. So every block must be read, whatever becomes of its request, and
 * one that cannot be read ends the connection.
 *
 * Clients send the same block again and again. As long as a block does not change the table and the
 * table has not changed, the same bytes mean the same fields: those are looked up, not read.
 *
 * Invariants: the table's size is at most `tableBytesMax`; of the fields of a block no more are kept
 * than `listBytesMax` says, however often a short index repeats a long field.
 */
import { QuorateError } from '../base/errors.ts';
import { latin1 } from '../base/latin1.ts';
import { decodeHuffman } from './huffman.ts';
import { type Field, staticTable } from './static-table.ts';

/** What we let clients keep in their table: the default, which needs no word. */
export const tableBytesMax = 4_096;
/** RFC 7541, section 4.1: what a field counts beside its letters. */
const fieldBytes = 32;
/** Blocks that are remembered, and how long they may be. */
const rememberedMax = 64;
const rememberedBytesMax = 512;

/** The fields of one block, in order. */
export interface FieldBlock {
  readonly fields: readonly Field[];
  /** There were more than may be: the rest was read and left out. */
  readonly tooMany: boolean;
}

export class FieldDecoder {
  readonly #listBytesMax: number;
  /** The newest first. */
  readonly #table: Field[] = [];
  #tableBytes = 0;
  #tableBytesMax = tableBytesMax;
  readonly #remembered = new Map<string, FieldBlock>();
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(listBytesMax: number) {
    this.#listBytesMax = listBytesMax;
  }

  /**
   * @returns the same object for the same bytes, where that is right
   * @throws QuorateError `malformed-message`: the table is not to be trusted any more
   */
  decode(bytes: Uint8Array): FieldBlock {
    if (bytes.length > rememberedBytesMax) return this.#read(bytes).block;
    const key = latin1(bytes, 0, bytes.length);
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const { block, changed } = this.#read(bytes);
    if (!changed && this.#remembered.size < rememberedMax) this.#remembered.set(key, block);
    return block;
  }

  #read(bytes: Uint8Array): { readonly block: FieldBlock; readonly changed: boolean } {
    this.#bytes = bytes;
    this.#at = 0;
    const fields: Field[] = [];
    let listBytes = 0;
    let changed = false;
    while (this.#at < bytes.length) {
      const first = bytes[this.#at]!;
      // Changes of the table's size come before all fields.
      if (first >>> 5 === 1) {
        if (fields.length > 0) throw malformed('the size of the table changes behind a field');
        this.#resize(this.#integer(5));
        changed = true;
        continue;
      }
      const field = this.#field(first);
      if (first >>> 6 === 1) {
        this.#add(field);
        changed = true;
      }
      listBytes += sizeOf(field);
      if (listBytes <= this.#listBytesMax) fields.push(field);
    }
    if (changed) this.#remembered.clear();
    return { block: { fields, tooMany: listBytes > this.#listBytesMax }, changed };
  }

  #field(first: number): Field {
    if (first >= 0x80) return this.#indexed(this.#integer(7));
    // With a place in the table; else without one, or never with one.
    const index = this.#integer(first >= 0x40 ? 6 : 4);
    const name = index === 0 ? this.#text() : this.#indexed(index).name;
    return { name, value: this.#text() };
  }

  #indexed(index: number): Field {
    const field =
      index <= staticTable.length
        ? staticTable[index - 1]
        : this.#table[index - staticTable.length - 1];
    if (field === undefined) throw malformed(`there is nothing at index ${index}`);
    return field;
  }

  #add(field: Field): void {
    const bytes = sizeOf(field);
    this.#shrink(this.#tableBytesMax - bytes);
    // One that is larger than the whole table empties it, and is no error.
    if (bytes > this.#tableBytesMax) return;
    this.#table.unshift(field);
    this.#tableBytes += bytes;
  }

  #resize(bytes: number): void {
    if (bytes > tableBytesMax) throw malformed('a larger table than may be');
    this.#tableBytesMax = bytes;
    this.#shrink(bytes);
  }

  #shrink(bytesMax: number): void {
    while (this.#tableBytes > bytesMax && this.#table.length > 0) {
      this.#tableBytes -= sizeOf(this.#table.pop()!);
    }
  }

  /** Section 5.1: the lower bits of the first byte, and if all are set, seven more a byte. */
  #integer(bits: number): number {
    const mask = 2 ** bits - 1;
    let value = this.#byte() & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw malformed('a number that is too large');
  }

  #text(): string {
    const huffman = this.#at < this.#bytes.length && this.#bytes[this.#at]! >= 0x80;
    const length = this.#integer(7);
    const from = this.#at;
    if (length > this.#bytes.length - from) throw malformed('it ends within a text');
    this.#at += length;
    return huffman
      ? decodeHuffman(this.#bytes.subarray(from, this.#at))
      : latin1(this.#bytes, from, this.#at);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw malformed('it ends early');
    return byte;
  }
}

function sizeOf({ name, value }: Field): number {
  return name.length + value.length + fieldBytes;
}

function malformed(what: string): QuorateError {
  return new QuorateError('malformed-message', `a block of header fields: ${what}`);
}
