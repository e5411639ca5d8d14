/**
 * The messages that come in on one call, for both ends: cut out of the body, inflated if they were
 * compressed, in order. While one is being inflated the rest waits, and so does the other side.
 */
import { QuorateError } from '../base/errors.ts';
import type { Compression } from '../ports/compression.ts';
import { FrameReader } from './frame.ts';
import { type Status, statusOf } from './status.ts';

/** What the messages of a call need. */
export interface IncomingOptions {
  readonly compression: Compression;
  /** The most that one message may have, before and after inflation. */
  readonly messageBytesMax: number;
  /** `grpc-encoding` of the other side; `identity` if it said nothing. */
  readonly encoding: string;
  /** Stops and resumes the bytes. */
  readonly source: { pause(): void; resume(): void };
}

/** Who takes the messages. */
export interface IncomingSink {
  message(bytes: Uint8Array): void;
  /** All messages have been handed over, and no more come. */
  ended(): void;
  /** The body is none that can be understood; nothing more comes. */
  failed(status: Status): void;
}

export class IncomingMessages {
  readonly #options: IncomingOptions;
  readonly #sink: IncomingSink;
  readonly #reader: FrameReader;
  readonly #waiting: { bytes: Uint8Array; compressed: boolean }[] = [];
  #inflating = false;
  #ended = false;
  #over = false;

  constructor(options: IncomingOptions, sink: IncomingSink) {
    this.#options = options;
    this.#sink = sink;
    this.#reader = new FrameReader(options.messageBytesMax, {
      message: (bytes, compressed) => this.#message(bytes, compressed),
      tooLarge: (length) =>
        this.#fail(
          statusOf(
            'resource-exhausted',
            `grpc: received message larger than max (${length} vs. ${options.messageBytesMax})`,
          ),
        ),
      badFlag: (flag) =>
        this.#fail(statusOf('internal', `grpc: received unexpected payload format ${flag}`)),
    });
  }

  /** Bytes of messages that are not whole yet. */
  get heldBytes(): number {
    return this.#reader.heldBytes;
  }

  push(bytes: Uint8Array): void {
    if (!this.#over) this.#reader.push(bytes);
  }

  end(): void {
    if (this.#over || this.#ended) return;
    this.#ended = true;
    if (this.#reader.heldBytes > 0) {
      this.#fail(statusOf('internal', 'unexpected EOF'));
    } else if (!this.#inflating) {
      this.#over = true;
      this.#sink.ended();
    }
  }

  stop(): void {
    this.#over = true;
    this.#waiting.length = 0;
    this.#reader.stop();
  }

  #message(bytes: Uint8Array, compressed: boolean): void {
    if (this.#inflating) this.#waiting.push({ bytes, compressed });
    else if (compressed) this.#inflate(bytes);
    else this.#sink.message(bytes);
  }

  #inflate(bytes: Uint8Array): void {
    const { encoding, compression, messageBytesMax, source } = this.#options;
    if (encoding === 'identity') {
      const message = 'grpc: compressed flag set with identity or empty encoding';
      return this.#fail(statusOf('internal', message));
    }
    if (encoding !== 'gzip') {
      const message = `grpc: Decompressor is not installed for grpc-encoding "${encoding}"`;
      return this.#fail(statusOf('unimplemented', message));
    }
    this.#inflating = true;
    source.pause();
    compression.gunzip(bytes, messageBytesMax, (answer) => {
      this.#inflating = false;
      if (this.#over) return;
      if (answer instanceof QuorateError) return this.#fail(inflationStatus(answer, this.#options));
      this.#sink.message(answer);
      while (!this.#inflating && !this.#over && this.#waiting.length > 0) {
        const next = this.#waiting.shift()!;
        this.#message(next.bytes, next.compressed);
      }
      if (this.#inflating || this.#over) return;
      source.resume();
      if (!this.#ended) return;
      this.#over = true;
      this.#sink.ended();
    });
  }

  #fail(status: Status): void {
    if (this.#over) return;
    this.stop();
    this.#sink.failed(status);
  }
}

function inflationStatus(error: QuorateError, { messageBytesMax }: IncomingOptions): Status {
  if (error.code === 'message-too-large') {
    const text = `grpc: message after decompression larger than max (${messageBytesMax})`;
    return statusOf('resource-exhausted', text);
  }
  return statusOf('internal', `grpc: failed to decompress the received message: ${error.message}`);
}
