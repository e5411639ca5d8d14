/**
 * What goes over a TCP connection: one message each way.
 *
 *     [F4 length label]? [0A length32 version nonce12 ciphertext tag16]? [09 compressed]? type body
 *
 * Plain messages have no length, so they are parsed as they come. The reader takes bytes in pieces
 * of any size, remembers how far it got (a push/pull member by member), and does not try again
 * before there is what it misses, so that a slow sender costs no more than a fast one. The label is
 * written by who opened the connection only; the answer is bound to it by its encryption.
 */
import {
  decodeAck,
  decodeCompressed,
  decodeError,
  decodePing,
  decodePushPullHeader,
  decodePushPullNode,
  decodeUserHeader,
} from './decode-messages.ts';
import type { Keyring } from './keyring.ts';
import { lzwDecompress } from './lzw.ts';
import {
  type AckMessage,
  type ErrorMessage,
  messageTypes,
  type PingMessage,
  type PushPullMessage,
  type PushPullNode,
  type UserMessage,
} from './messages.ts';
import { MsgpackReader } from './msgpack-reader.ts';
import { compressMessage, join, labelHeader, openSealed } from './packet.ts';
import { NeedMoreBytes, WireError } from './wire-error.ts';

/** What a connection may carry. */
export type StreamMessage = PingMessage | AckMessage | UserMessage | PushPullMessage | ErrorMessage;

export interface StreamFormat {
  readonly label: string;
  readonly compression: boolean;
  /** Of what arrives, and of what it becomes. */
  readonly bytesMax: number;
  readonly decompressedBytesMax: number;
}

const sealedHeaderBytes = 5;
/** Members in one push/pull: what goes beyond it is not a cluster but an attack on our time. */
const nodesMax = 131_072;

function sealedHeader(length: number): Uint8Array {
  const header = new Uint8Array(sealedHeaderBytes);
  header[0] = messageTypes.encrypt;
  new DataView(header.buffer).setUint32(1, length);
  return header;
}

/** The bytes for a message; `opening` by who opened the connection. */
export function sealStream(
  message: Uint8Array,
  format: StreamFormat,
  keyring: Keyring,
  opening: boolean,
): Uint8Array {
  const body = format.compression ? compressMessage(message, false) : message;
  const header = opening ? labelHeader(format.label) : new Uint8Array(0);
  if (!keyring.encrypts) return header.length === 0 ? body : join(header, body);
  // Version, nonce and tag: 29 bytes. The length is part of what is authenticated.
  const outer = sealedHeader(body.length + 29);
  const { nonce, sealed } = keyring.seal(body, join(outer, labelBytes(format.label)));
  return join(header, outer, Uint8Array.of(1), nonce, sealed);
}

const labelBytes = (label: string): Uint8Array => labelHeader(label).subarray(2);

/** Reads the one message of a connection. */
export class StreamReader {
  readonly #format: StreamFormat;
  readonly #keyring: Keyring;
  readonly #labelRequired: boolean;
  #bytes: Uint8Array = new Uint8Array(0);
  #length = 0;
  /** Everything before it is done with. */
  #offset = 0;
  #bytesNeeded = 1;
  #labelDone = false;
  #decryptDone = false;
  #decompressDone = false;
  /** The last layer came with a length, so that nothing more can come. */
  #complete = false;
  #pushPull: { header: ReturnType<typeof decodePushPullHeader>; nodes: PushPullNode[] } | undefined;

  /** @param opened whether the other side opened the connection, and so must begin with the label. */
  constructor(format: StreamFormat, keyring: Keyring, opened: boolean) {
    this.#format = format;
    this.#keyring = keyring;
    this.#labelRequired = opened && format.label !== '';
  }

  /**
   * Takes what arrived. Returns the message once it is whole, until then `undefined`.
   *
   * @throws WireError if it never can be.
   */
  push(bytes: Uint8Array): StreamMessage | undefined {
    this.#append(bytes);
    if (this.#length < this.#bytesNeeded) return undefined;
    try {
      return this.#parse();
    } catch (error) {
      if (!(error instanceof NeedMoreBytes) || this.#complete) throw error;
      if (error.bytesNeeded > this.#format.bytesMax) throw new WireError('stream-too-large');
      this.#bytesNeeded = error.bytesNeeded;
      return undefined;
    }
  }

  #append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#format.bytesMax) throw new WireError('stream-too-large');
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
  }

  #reader(): MsgpackReader {
    return new MsgpackReader(this.#bytes.subarray(0, this.#length), this.#offset);
  }

  /** Goes on with what a layer contained. */
  #replace(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#length = bytes.length;
    this.#offset = 0;
    this.#complete = true;
  }

  #parse(): StreamMessage {
    if (!this.#labelDone) this.#passLabel();
    if (!this.#decryptDone) this.#decrypt();
    if (!this.#decompressDone) this.#decompress();
    if (this.#pushPull !== undefined) return this.#parsePushPull();
    const reader = this.#reader();
    const type = reader.byte();
    switch (type) {
      case messageTypes.ping:
        return decodePing(reader);
      case messageTypes.ack:
        return decodeAck(reader);
      case messageTypes.error:
        return decodeError(reader);
      case messageTypes.user:
        return { type: 'user', payload: reader.plain(decodeUserHeader(reader)) };
      case messageTypes.pushPull:
        this.#pushPull = { header: decodePushPullHeader(reader), nodes: [] };
        this.#offset = reader.offset;
        return this.#parsePushPull();
      default:
        throw new WireError('unknown-message-type');
    }
  }

  #parsePushPull(): PushPullMessage {
    const { header, nodes } = this.#pushPull!;
    const reader = this.#reader();
    if (header.nodes > nodesMax) throw new WireError('too-many-members');
    while (nodes.length < header.nodes) {
      nodes.push(decodePushPullNode(reader));
      this.#offset = reader.offset;
    }
    const userState = reader.plain(header.userStateBytes);
    return { type: 'push-pull', join: header.join, nodes, userState };
  }

  #passLabel(): void {
    const reader = this.#reader();
    if (reader.byte() === messageTypes.label) {
      const label = reader.plain(reader.byte());
      const expected = labelBytes(this.#format.label);
      if (label.length !== expected.length || !label.every((byte, at) => byte === expected[at])) {
        throw new WireError('label-mismatch');
      }
      this.#offset = reader.offset;
    } else if (this.#labelRequired) {
      throw new WireError('label-missing');
    }
    this.#labelDone = true;
  }

  #decrypt(): void {
    const reader = this.#reader();
    const encrypted = reader.byte() === messageTypes.encrypt;
    if (encrypted !== this.#keyring.encrypts) {
      throw new WireError(encrypted ? 'no-key' : 'not-encrypted');
    }
    if (encrypted) {
      const header = this.#bytes.slice(this.#offset, this.#offset + sealedHeaderBytes);
      const [high, low] = [reader.plain(2), reader.plain(2)];
      const length = (high[0]! * 256 + high[1]!) * 0x1_0000 + low[0]! * 256 + low[1]!;
      const sealed = reader.plain(length);
      const aad = join(header, labelBytes(this.#format.label));
      this.#replace(openSealed(this.#keyring, sealed, aad));
    }
    this.#decryptDone = true;
  }

  #decompress(): void {
    const reader = this.#reader();
    if (reader.byte() === messageTypes.compress) {
      const compressed = decodeCompressed(reader);
      this.#replace(lzwDecompress(compressed, this.#format.decompressedBytesMax));
    }
    this.#decompressDone = true;
  }
}
