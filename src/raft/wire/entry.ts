/**
 * Entries as bytes, the same wherever they are: in messages, and in whatever log the host writes.
 *
 *     type byte · term · index · length · data
 *
 * The type byte stands for the layout too: another layout would get other types. An entry is
 * encoded once: several in a row make a *section*, which a message takes as it is, and an entry
 * read from a section remembers where it stands there, so that it is never encoded again. Reading
 * copies no data: entries are views on what was read, and keep it alive.
 */
import { ByteReader, ByteWriter } from '../../base/binary.ts';
import { QuorateError } from '../../base/errors.ts';
import { type Entry, type EntryType, emptyBytes, type Proposal } from '../entry.ts';

// The wire's numbers, which never change. 0 is left out, for zeroed bytes are no entry.
const NORMAL = 1;
const CONFIGURATION = 2;

/** What an entry takes beside its data, at most: a byte and three numbers. */
const HEAD_BYTES_MAX = 25;

/** The least that a proposal takes. */
const PROPOSAL_BYTES_MIN = 2;

/** An entry read from bytes. */
class ReadEntry implements Entry {
  readonly type: EntryType;
  readonly term: number;
  readonly index: number;
  readonly data: Uint8Array;
  readonly #source: Uint8Array;
  readonly #start: number;
  readonly #end: number;

  constructor(source: Uint8Array, reader: ByteReader) {
    this.#source = source;
    this.#start = reader.offset;
    this.type = readType(reader);
    this.term = reader.number();
    this.index = reader.number();
    this.data = readData(reader);
    this.#end = reader.offset;
  }

  /** Where an entry stands that was read, or undefined for one made here. */
  static encoded(entry: Entry): Uint8Array | undefined {
    return #source in entry ? entry.#source.subarray(entry.#start, entry.#end) : undefined;
  }

  /** Whether `next` stands right behind `entry` in the same bytes. */
  static areAdjacent(entry: Entry, next: Entry): boolean {
    if (!(#source in entry) || !(#source in next)) return false;
    return entry.#source === next.#source && entry.#end === next.#start;
  }

  /** The bytes from one entry to another, which were read from the same. */
  static span(first: Entry, last: Entry): Uint8Array | undefined {
    if (!(#source in first) || !(#source in last)) return undefined;
    return first.#source.subarray(first.#start, last.#end);
  }
}

/** The section of these entries: a view on what they were read from where that is possible. */
export function encodeEntries(entries: readonly Entry[]): Uint8Array {
  const first = entries[0];
  if (first === undefined) return emptyBytes;
  const section = entries.every(
    (entry, i) => i === 0 || ReadEntry.areAdjacent(entries[i - 1]!, entry),
  )
    ? ReadEntry.span(first, entries[entries.length - 1]!)
    : undefined;
  return section ?? writeSection(entries);
}

function writeSection(entries: readonly Entry[]): Uint8Array {
  let bytesMax = 0;
  for (const { data } of entries) bytesMax += HEAD_BYTES_MAX + data.length;
  const writer = new ByteWriter(bytesMax);
  for (const entry of entries) {
    const encoded = ReadEntry.encoded(entry);
    if (encoded !== undefined) writer.raw(encoded);
    else {
      writer.byte(entry.type === 'normal' ? NORMAL : CONFIGURATION);
      writer.number(entry.term).number(entry.index).bytes(entry.data);
    }
  }
  return writer.finish();
}

/**
 * Reads a section to its end.
 * @throws QuorateError `malformed-message`
 */
export function decodeEntries(section: Uint8Array): Entry[] {
  const entries: Entry[] = [];
  const reader = new ByteReader(section);
  while (reader.remaining > 0) entries.push(new ReadEntry(section, reader));
  return entries;
}

/** Proposals, which have no place in a log yet: count · (type byte · length · data)… */
export function writeProposals(writer: ByteWriter, proposals: readonly Proposal[]): void {
  writer.number(proposals.length);
  for (const { type, data } of proposals) {
    writer.byte(type === 'normal' ? NORMAL : CONFIGURATION).bytes(data);
  }
}

export function readProposals(reader: ByteReader): Proposal[] {
  const proposals: Proposal[] = [];
  for (let left = reader.count(PROPOSAL_BYTES_MIN); left > 0; left--) {
    proposals.push({ type: readType(reader), data: readData(reader) });
  }
  return proposals;
}

function readType(reader: ByteReader): EntryType {
  const number = reader.byte();
  if (number === NORMAL) return 'normal';
  if (number === CONFIGURATION) return 'configuration';
  throw new QuorateError('malformed-message', `unknown entry type ${number}`);
}

function readData(reader: ByteReader): Uint8Array {
  const length = reader.number();
  return length === 0 ? emptyBytes : reader.raw(length);
}
