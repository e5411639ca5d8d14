/**
 * What a stopped member's files hold, as contents of a backup: entries of its log, pairs of its
 * store. A piece holds whole ones, and its bytes may follow each other's: they are read as one row.
 */
import { ByteReader, type ByteWriter } from '../../base/binary.ts';
import { QuorateError } from '../../base/errors.ts';
import type { StorePair } from '../../ports/store.ts';
import { type Entry, emptyBytes } from '../../raft/entry.ts';
import { unwrap } from '../envelope.ts';

/** About so many bytes are gathered before they become a piece. */
export const gatherBytes = 128 * 2 ** 10;

/** An entry: type, term, data. Indexes follow each other from the base on. */
export function writeEntry(writer: ByteWriter, { type, term, data }: Entry): void {
  writer
    .flag(type === 'configuration')
    .number(term)
    .bytes(data);
}

export function writePair(writer: ByteWriter, { key, value }: StorePair): void {
  writer.bytes(key).bytes(value);
}

/** Takes fields apart that were cut anywhere. */
class Fields<Item> {
  readonly #read: (reader: ByteReader) => Item;
  #rest: Uint8Array = emptyBytes;

  constructor(read: (reader: ByteReader) => Item) {
    this.#read = read;
  }

  /** The items that are whole with these bytes. */
  *push(bytes: Uint8Array): Generator<Item, void> {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    let at = 0;
    while (at < all.length) {
      const reader = new ByteReader(all.subarray(at));
      let item: Item;
      try {
        item = this.#read(reader);
      } catch (error) {
        if (error instanceof QuorateError && error.code === 'malformed-message') break;
        throw error;
      }
      at += reader.offset;
      yield item;
    }
    this.#rest = all.slice(at);
  }

  /** @throws QuorateError `backup-damaged` where something is left over */
  finish(): void {
    if (this.#rest.length === 0) return;
    throw new QuorateError('backup-damaged', 'the contents of a group end early');
  }
}

export function pairFields(): Fields<StorePair> {
  return new Fields((reader) => {
    return { key: reader.bytes().slice(), value: reader.bytes().slice() };
  });
}

/**
 * Entries as a new cluster has them: what changed who votes in the old one, and what its replicas
 * compared, takes no effect any more, and leaves its place empty.
 */
export function entryFields(base: number): Fields<Entry> {
  let index = base;
  return new Fields((reader) => {
    const isConfiguration = reader.flag();
    const term = reader.number();
    const data = reader.bytes().slice();
    index++;
    const isOld = isConfiguration || (data.length > 0 && unwrap(data).kind === 'hash-check');
    return { type: 'normal', term, index, data: isOld ? emptyBytes : data };
  });
}
