/**
 * The incarnation with which a process joins is kept, in the file `joining`, before anybody is asked.
 * Should it die after the cluster has let it in and before it has written its identity, it asks
 * again as the same and is given the same id; drawn anew, its name would be taken by its own ghost.
 *
 *     CRC32C of the rest (4 bytes) · incarnation (8 bytes)
 */
import { crc32c } from '../base/crc32c.ts';
import { QuorateError } from '../base/errors.ts';
import type { DiskRequests } from './log/disk-requests.ts';

export const JOINING_FILE = 'joining';

const CHECKSUM_BYTES = 4;
const FILE_BYTES = CHECKSUM_BYTES + 8;

/** Answers the incarnation of the attempt before, or keeps the one that `draw` gives. */
export function joiningIncarnation(
  disk: DiskRequests,
  draw: () => number,
  then: (incarnation: number | QuorateError) => void,
): void {
  const read = { type: 'read-whole', path: JOINING_FILE, bytesMax: FILE_BYTES } as const;
  disk.bytes(read, (bytes) => {
    const known = bytes instanceof QuorateError ? undefined : decode(bytes);
    if (known !== undefined) return then(known);
    const incarnation = draw();
    const content = encode(incarnation);
    disk.run({ type: 'write-atomically', path: JOINING_FILE, content }, (error) => {
      then(error ?? incarnation);
    });
  });
}

function encode(incarnation: number): Uint8Array {
  const content = new Uint8Array(FILE_BYTES);
  const view = new DataView(content.buffer);
  view.setBigUint64(CHECKSUM_BYTES, BigInt(incarnation), true);
  view.setUint32(0, crc32c(content.subarray(CHECKSUM_BYTES)), true);
  return content;
}

/** Undefined where it is not whole: nobody was asked with that. */
function decode(content: Uint8Array): number | undefined {
  if (content.length !== FILE_BYTES) return undefined;
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  if (view.getUint32(0, true) !== crc32c(content.subarray(CHECKSUM_BYTES))) return undefined;
  return Number(view.getBigUint64(CHECKSUM_BYTES, true));
}
