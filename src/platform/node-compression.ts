/** Inflating on Node: zlib's thread pool, with its own limit on what comes out. */
import zlib from 'node:zlib';
import { QuorateError } from '../base/errors.ts';
import type { Answer } from '../ports/callbacks.ts';
import type { Compression } from '../ports/compression.ts';
import { plainBytes } from './plain-bytes.ts';
import { systemCode } from './system-errors.ts';

/** See {@link Compression}. */
export class NodeCompression implements Compression {
  gunzip(bytes: Uint8Array, bytesMax: number, answer: Answer<Uint8Array>): void {
    zlib.gunzip(bytes, { maxOutputLength: Math.max(bytesMax, 1) }, (error, inflated) => {
      if (error === null) return answer(plainBytes(inflated));
      const tooLarge = systemCode(error) === 'ERR_BUFFER_TOO_LARGE';
      const code = tooLarge ? 'message-too-large' : 'malformed-message';
      answer(new QuorateError(code, `inflating: ${error.message}`, { cause: error }));
    });
  }
}
