/** Small files of text that somebody else writes: certificates, keys, configuration. */
import type { Answer, Cancel } from './callbacks.ts';

/** The most that such a file may have. */
export const textFileBytesMax = 4 * 1024 * 1024;

/** Reads them. */
export interface TextFiles {
  /** `file-not-found`, `file-too-large`, `permission-denied`, `disk-failed`. */
  read(path: string, answer: Answer<string>): void;
  /** The same, of a file that may hold anything: of the same errors. */
  readBytes(path: string, answer: Answer<Uint8Array>): void;
  /** Calls `changed` whenever one of them is another than before, a few seconds late at most. */
  watch(paths: readonly string[], changed: () => void): Cancel;
}
