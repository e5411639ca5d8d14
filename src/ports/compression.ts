/**
 * Compression: what gRPC clients may have compressed is inflated here, off the event loop, and never
 * beyond a size that the caller names (reliability.md, security 8: limits also after decompression).
 */
import type { Answer } from './callbacks.ts';

/** Inflates. */
export interface Compression {
  /**
   * The content of a gzip file (RFC 1952). `message-too-large` if it is more than `bytesMax`,
   * `malformed-message` if it is none.
   */
  gunzip(bytes: Uint8Array, bytesMax: number, answer: Answer<Uint8Array>): void;
}
