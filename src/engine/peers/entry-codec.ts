/**
 * Entries as a block of bytes: what an append carries, made once and sent to every follower that
 * needs the same entries.
 *
 *     count · ( length · 4 + configuration · 2 + new term · 1 · [term − term before] · data )…
 *
 * Numbers are varints. Indexes are not in it: an append says where its entries begin, and they
 * follow each other without gaps.
 */
import { assert } from '../../base/assert.ts';
import { ByteReader, ByteWriter, numberBytes } from '../../base/binary.ts';
import { QuorateError } from '../../base/errors.ts';
import { type Entry, emptyBytes, type Proposal } from '../../raft/entry.ts';

const CONFIGURATION = 2;
const NEW_TERM = 1;

/** Entries in ascending order without gaps, whose terms never fall. */
export function encodeEntries(entries: readonly Entry[]): Uint8Array {
  const writer = new ByteWriter(roomFor(entries) + 8 * entries.length);
  writer.number(entries.length);
  let term = 0;
  let index = entries[0]?.index ?? 0;
  for (const entry of entries) {
    assert(entry.index === index++, 'an append has a gap');
    assert(entry.term >= term, 'terms of an append fall');
    const flags = entry.type === 'configuration' ? CONFIGURATION : 0;
    const { data } = entry;
    if (entry.term === term) {
      writer.number(data.length * 4 + flags);
    } else {
      writer.number(data.length * 4 + flags + NEW_TERM).number(entry.term - term);
      term = entry.term;
    }
    writer.raw(data);
  }
  return writer.finish();
}

/**
 * The entries of a block, the first of which has index `firstIndex`. Their data are views.
 * @throws QuorateError `malformed-message`
 */
export function decodeEntries(block: Uint8Array, firstIndex: number): Entry[] {
  const reader = new ByteReader(block);
  const count = reader.count(1);
  const entries: Entry[] = [];
  let term = 0;
  for (let at = 0; at < count; at++) {
    const head = reader.number();
    if (head & NEW_TERM) term += reader.number();
    const data = dataOf(reader, head);
    entries.push({ type: typeOf(head), data, term, index: firstIndex + at });
  }
  reader.end();
  if (!Number.isSafeInteger(term)) throw new QuorateError('malformed-message', `term ${term}`);
  return entries;
}

/** What a follower passes on: entries that have neither term nor index yet. */
export function encodeProposals(proposals: readonly Proposal[]): Uint8Array {
  const writer = new ByteWriter(roomFor(proposals));
  writer.number(proposals.length);
  for (const { type, data } of proposals) {
    writer.number(data.length * 4 + (type === 'configuration' ? CONFIGURATION : 0)).raw(data);
  }
  return writer.finish();
}

/** @throws QuorateError `malformed-message` */
export function decodeProposals(block: Uint8Array): Proposal[] {
  const reader = new ByteReader(block);
  const proposals: Proposal[] = [];
  for (let left = reader.count(1); left > 0; left--) {
    const head = reader.number();
    if (head & NEW_TERM) throw new QuorateError('malformed-message', 'a proposal with a term');
    proposals.push({ type: typeOf(head), data: dataOf(reader, head) });
  }
  reader.end();
  return proposals;
}

/** Enough for all but the terms, so that the writer need not grow. */
function roomFor(proposals: readonly Proposal[]): number {
  let bytes = 8;
  for (const { data } of proposals) bytes += numberBytes(data.length * 4) + data.length;
  return bytes;
}

/** The flags are the lowest two bits, also of a number that is too large for bit operations. */
function typeOf(head: number): Proposal['type'] {
  return head & CONFIGURATION ? 'configuration' : 'normal';
}

function dataOf(reader: ByteReader, head: number): Uint8Array {
  return head < 4 ? emptyBytes : reader.raw(Math.floor(head / 4));
}
