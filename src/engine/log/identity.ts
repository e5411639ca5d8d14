/**
 * Who a directory belongs to: the file `identity`, which is written atomically as the last step of
 * founding a directory, and read before anything else in it is believed.
 *
 *     magic, 8 bytes · format version · cluster id · member id · incarnation · name · CRC32C
 *
 * The incarnation is drawn at random when the directory is made: a member that comes back with
 * another one has lost its disk, and its peers refuse it. Checksums in the log start from all of
 * these (see segment-format.ts), so that another directory's files are never taken for its own.
 */
import { crc32c } from '../../base/crc32c.ts';
import { QuorateError } from '../../base/errors.ts';
import { readUint32, readWide, writeUint32, writeWide } from './fixed-numbers.ts';
import { checkFormat } from './format.ts';

export interface Identity {
  /** 1 … 2^53 − 1. */
  readonly clusterId: number;
  /** 1 … 2^53 − 1. */
  readonly memberId: number;
  /** 1 … 2^53 − 1, random. */
  readonly incarnation: number;
  /** The member's name, for people; at most 256 bytes of UTF-8. */
  readonly name: string;
}

const magic = new TextEncoder().encode('QuorId\r\n');
const headBytes = 48;

/** The longest name, in bytes of UTF-8. */
export const nameBytesMax = 256;

export const identityPath = 'identity';

/** More than any identity takes. */
export const identityBytesMax = headBytes + nameBytesMax + 4;

export const identityFormat = 1;

/** @throws QuorateError `invalid-config` where a part is out of its range. */
export function encodeIdentity(identity: Identity): Uint8Array {
  const name = new TextEncoder().encode(identity.name);
  for (const part of ['clusterId', 'memberId', 'incarnation'] as const) {
    if (Number.isSafeInteger(identity[part]) && identity[part] > 0) continue;
    throw new QuorateError('invalid-config', `${part} must be 1 … 2^53 − 1, not ${identity[part]}`);
  }
  if (name.length > nameBytesMax) {
    throw new QuorateError('invalid-config', `a name has at most ${nameBytesMax} bytes`);
  }
  const bytes = new Uint8Array(headBytes + name.length + 4);
  bytes.set(magic);
  writeUint32(bytes, 8, identityFormat);
  writeWide(bytes, 16, identity.clusterId);
  writeWide(bytes, 24, identity.memberId);
  writeWide(bytes, 32, identity.incarnation);
  writeUint32(bytes, 40, name.length);
  bytes.set(name, headBytes);
  writeUint32(bytes, headBytes + name.length, crc32c(bytes, 0, headBytes + name.length));
  return bytes;
}

/** @throws QuorateError `identity-damaged`, `format-too-new` */
export function decodeIdentity(bytes: Uint8Array): Identity {
  const end = bytes.length - 4;
  const whole =
    end >= headBytes &&
    magic.every((byte, at) => bytes[at] === byte) &&
    readUint32(bytes, end) === crc32c(bytes, 0, end);
  if (!whole) throw identityDamaged();
  checkFormat(identityPath, readUint32(bytes, 8), identityFormat);
  return {
    clusterId: readWide(bytes, 16),
    memberId: readWide(bytes, 24),
    incarnation: readWide(bytes, 32),
    name: new TextDecoder().decode(bytes.subarray(headBytes, end)),
  };
}

export function identityDamaged(): QuorateError {
  return new QuorateError(
    'identity-damaged',
    `the file ${identityPath} is damaged: it says whose directory this is; put it back from a ` +
      'copy, or remove the member and let it join anew with an empty directory',
    { details: { path: identityPath } },
  );
}
