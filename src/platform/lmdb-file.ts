/**
 * Looks at an LMDB file before LMDB does, which would end the process instead of refusing a file
 * that is none, or one that was cut.
 *
 * The first two pages are headers, written in turn; the one with the larger transaction id counts.
 * A page begins with 24 bytes of its own (flags at 18), then come, little-endian: a magic number, the
 * format's version, 16 bytes that do not matter here, the size of a page, and at 0x58 and 0x88 the
 * root pages of the list of free pages and of the tree, at 0x90 the last page in use, at 0x98 the
 * transaction. A root of all ones is an empty tree.
 */
import fs from 'node:fs';
import { QuorateError } from '../base/errors.ts';

const magic = 0xbeefc0de;
const formatVersion = 2;
const headerBytes = 0xa0;
const noPage = 2n ** 64n - 1n;

/** Throws `store-damaged` or `format-too-new`; a file that is not there, or empty, is fine. */
export function checkLmdbFile(file: string, name: string): void {
  let descriptor: number;
  try {
    descriptor = fs.openSync(file, 'r');
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return;
    throw error;
  }
  try {
    const { size } = fs.fstatSync(descriptor);
    if (size === 0) return;
    const first = readHeader(descriptor, 0, name);
    const pageBytes = first.getUint32(0x30, true);
    if (pageBytes < 512 || pageBytes > 65_536) throw damaged(name, `its pages have ${pageBytes} B`);
    const second = readHeader(descriptor, pageBytes, name);
    const newer = first.getBigUint64(0x98, true) > second.getBigUint64(0x98, true);
    const header = newer ? first : second;
    for (const at of [0x58, 0x88]) {
      const root = header.getBigUint64(at, true);
      if (root !== noPage && (root + 1n) * BigInt(pageBytes) > BigInt(size)) {
        throw damaged(name, `it was cut at ${size} bytes`);
      }
    }
  } finally {
    fs.closeSync(descriptor);
  }
}

function readHeader(descriptor: number, position: number, name: string): DataView {
  const bytes = new Uint8Array(headerBytes);
  if (fs.readSync(descriptor, bytes, 0, headerBytes, position) < headerBytes) {
    throw damaged(name, 'it has no header');
  }
  const header = new DataView(bytes.buffer);
  if (header.getUint32(0x18, true) !== magic) throw damaged(name, 'it has no header');
  const version = header.getUint32(0x1c, true);
  if (version > formatVersion) {
    throw new QuorateError('format-too-new', `the store ${name} has version ${version} of LMDB`);
  }
  return header;
}

function damaged(name: string, what: string): QuorateError {
  return new QuorateError('store-damaged', `the store ${name} is not whole: ${what}`);
}
