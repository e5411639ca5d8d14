/**
 * What stands around the messages in a UDP packet, from the outside in:
 *
 *     [F4 length label]? [version nonce12 ciphertext tag16]? [0C crc32]? [09 compressed]?
 *     07 compound | message
 *
 * An encrypted packet has no type byte: it begins with the version 0 or 1. Every layer is checked
 * before the next is looked at, nesting is bounded, and all that decompression makes of one packet
 * together is bounded too; what fails is reported with a reason and nothing else happens.
 */
import { crc32 } from './crc32.ts';
import { decodeCompressed, decodePacketMessage } from './decode-messages.ts';
import { type Keyring, nonceBytes, tagBytes } from './keyring.ts';
import { lzwCompress, lzwDecompress } from './lzw.ts';
import { messageTypes, type PacketMessage } from './messages.ts';
import { MsgpackReader } from './msgpack-reader.ts';
import { fieldName, MsgpackWriter } from './msgpack-writer.ts';
import { WireError } from './wire-error.ts';

/** Compound in compressed in compound is the deepest that makes any sense. */
const nestingMax = 4;
/** What is shorter hardly gets smaller by LZW, whose first codes are longer than bytes. */
const compressBytesMin = 400;
/** What one packet may hold together; a full packet of the smallest messages stays below it. */
const partsMax = 4_096;

const encoder = new TextEncoder();
const writer = new MsgpackWriter(4096);
const algorithmField = fieldName('Algo');
const bufferField = fieldName('Buf');

export interface PacketFormat {
  readonly label: string;
  readonly compression: boolean;
  readonly decompressedBytesMax: number;
}

/** Called for what a packet holds, in order, and for what of it was dropped. */
export interface PacketVisitor {
  /** Whether a message need not be read, because it was read before. */
  repeated?(body: Uint8Array): boolean;
  message(message: PacketMessage): void;
  dropped(reason: string): void;
}

/** What taking one packet apart may still cost. */
interface Budget {
  bytesLeft: number;
  partsLeft: number;
}

/** The header that a label adds, empty for the empty label. */
export function labelHeader(label: string): Uint8Array {
  if (label === '') return new Uint8Array(0);
  const bytes = encoder.encode(label);
  const header = new Uint8Array(2 + bytes.length);
  header[0] = messageTypes.label;
  header[1] = bytes.length;
  header.set(bytes, 2);
  return header;
}

/** Wraps a message that is compressed if `always`, or if that makes it smaller. */
export function compressMessage(message: Uint8Array, always: boolean): Uint8Array {
  const compressed = lzwCompress(message);
  writer.byte(messageTypes.compress).map(2).plain(algorithmField).uint(0);
  writer.plain(bufferField).raw(compressed);
  const wrapped = writer.finish();
  return always || wrapped.length < message.length ? wrapped : message;
}

/** As many messages as a compound may hold: its count is one byte. */
export const compoundPartsMax = 255;

/** Several messages as one: `07 count length… message…`. */
export function encodeCompound(messages: readonly Uint8Array[]): Uint8Array {
  let length = 2 + messages.length * 2;
  for (const message of messages) length += message.length;
  const bytes = new Uint8Array(length);
  bytes[0] = messageTypes.compound;
  bytes[1] = messages.length;
  let lengthAt = 2;
  let at = 2 + messages.length * 2;
  for (const message of messages) {
    bytes[lengthAt] = message.length >> 8;
    bytes[lengthAt + 1] = message.length & 0xff;
    lengthAt += 2;
    bytes.set(message, at);
    at += message.length;
  }
  return bytes;
}

/** Seals and opens packets of one cluster. */
export class PacketCodec {
  readonly #format: PacketFormat;
  readonly #keyring: Keyring;
  readonly #label: Uint8Array;
  readonly #header: Uint8Array;

  constructor(format: PacketFormat, keyring: Keyring) {
    this.#format = format;
    this.#keyring = keyring;
    this.#label = encoder.encode(format.label);
    this.#header = labelHeader(format.label);
  }

  /** What label and encryption add to each packet. */
  get overheadBytes(): number {
    return this.#header.length + (this.#keyring.encrypts ? 1 + nonceBytes + tagBytes : 0);
  }

  /** The packet for a message; `checksum` where the receiver knows of it (protocol 5). */
  seal(message: Uint8Array, checksum: boolean): Uint8Array {
    let body = message;
    if (this.#format.compression && body.length >= compressBytesMin) {
      body = compressMessage(body, false);
    }
    if (checksum) {
      const checked = new Uint8Array(5 + body.length);
      checked[0] = messageTypes.crc;
      new DataView(checked.buffer).setUint32(1, crc32(body));
      checked.set(body, 5);
      body = checked;
    }
    if (!this.#keyring.encrypts) return this.#header.length === 0 ? body : join(this.#header, body);
    const { nonce, sealed } = this.#keyring.seal(body, this.#label);
    return join(this.#header, Uint8Array.of(1), nonce, sealed);
  }

  /** Takes a packet apart. Never throws. */
  open(packet: Uint8Array, visitor: PacketVisitor): void {
    try {
      const body = this.#decrypt(this.#withoutLabel(packet));
      this.#walk(this.#withoutChecksum(body), visitor, 0, {
        bytesLeft: this.#format.decompressedBytesMax,
        partsLeft: partsMax,
      });
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      visitor.dropped(error.reason);
    }
  }

  #withoutLabel(packet: Uint8Array): Uint8Array {
    if (packet[0] !== messageTypes.label) {
      if (this.#label.length > 0) throw new WireError('label-missing');
      return packet;
    }
    const length = packet[1] ?? 0;
    if (length === 0 || packet.length < 2 + length) throw new WireError('label-malformed');
    if (length !== this.#label.length) throw new WireError('label-mismatch');
    for (let at = 0; at < length; at++) {
      if (packet[2 + at] !== this.#label[at]) throw new WireError('label-mismatch');
    }
    return packet.subarray(2 + length);
  }

  #decrypt(body: Uint8Array): Uint8Array {
    if (!this.#keyring.encrypts) return body;
    return openSealed(this.#keyring, body, this.#label);
  }

  #withoutChecksum(body: Uint8Array): Uint8Array {
    if (body[0] !== messageTypes.crc) return body;
    if (body.length < 5) throw new WireError('truncated');
    const expected = new DataView(body.buffer, body.byteOffset, body.length).getUint32(1);
    if (crc32(body, 5) !== expected) throw new WireError('checksum-mismatch');
    return body.subarray(5);
  }

  #walk(body: Uint8Array, visitor: PacketVisitor, depth: number, budget: Budget): void {
    if (body.length === 0) throw new WireError('empty');
    if (depth > nestingMax) throw new WireError('nested-too-deeply');
    if (body[0] === messageTypes.compress) {
      const compressed = decodeCompressed(new MsgpackReader(body, 1));
      const plain = lzwDecompress(compressed, budget.bytesLeft);
      budget.bytesLeft -= plain.length;
      this.#walk(plain, visitor, depth + 1, budget);
    } else if (body[0] === messageTypes.compound) {
      this.#walkCompound(body, visitor, depth, budget);
    } else if (visitor.repeated?.(body) !== true) {
      visitor.message(decodePacketMessage(body));
    }
  }

  #walkCompound(body: Uint8Array, visitor: PacketVisitor, depth: number, budget: Budget): void {
    const count = body[1] ?? 0;
    let at = 2 + count * 2;
    if (body.length < at) throw new WireError('truncated');
    budget.partsLeft -= count;
    if (budget.partsLeft < 0) throw new WireError('too-many-parts');
    for (let part = 0; part < count; part++) {
      const length = (body[2 + part * 2]! << 8) | body[3 + part * 2]!;
      if (at + length > body.length) throw new WireError('truncated');
      // A bad part says nothing of those beside it.
      try {
        this.#walk(body.subarray(at, at + length), visitor, depth + 1, budget);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        visitor.dropped(error.reason);
      }
      at += length;
    }
  }
}

/** Opens `version nonce ciphertext tag`. @throws WireError `not-decrypted`, `encryption-version` */
export function openSealed(keyring: Keyring, body: Uint8Array, aad: Uint8Array): Uint8Array {
  const version = body[0];
  if (body.length < 1 + nonceBytes + tagBytes) throw new WireError('truncated');
  if (version !== 0 && version !== 1) throw new WireError('encryption-version');
  const nonce = body.subarray(1, 1 + nonceBytes);
  const plaintext = keyring.open(nonce, body.subarray(1 + nonceBytes), aad);
  if (plaintext === undefined) throw new WireError('not-decrypted');
  if (version === 1) return plaintext;
  // Version 0 fills up to the block as PKCS #7 does.
  const padding = plaintext[plaintext.length - 1] ?? 0;
  if (padding === 0 || padding > 16 || padding > plaintext.length) throw new WireError('padding');
  return plaintext.subarray(0, plaintext.length - padding);
}

/** Copies pieces one after the other. */
export function join(...pieces: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
