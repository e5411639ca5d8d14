/**
 * The file in which an agent keeps the cluster's keys, in Serf's form: a JSON list of keys in
 * base64, the one in use first. It is replaced as a whole at every change.
 */
import { QuorateError } from '../base/errors.ts';
import type { Disk } from '../ports/disk.ts';
import { decodeBase64 } from './rpc/operation.ts';

const fileBytesMax = 64 * 1024;

/** Reads the keys, or undefined if there is no file. Rejects with `invalid-config` for another form. */
export function readKeyring(disk: Disk, path: string): Promise<Uint8Array[] | undefined> {
  return new Promise((resolve, reject) => {
    disk.readWhole(path, fileBytesMax, (answer) => {
      if (answer instanceof Uint8Array) {
        try {
          resolve(decodeKeyring(answer));
        } catch (error) {
          reject(error);
        }
      } else if (answer.code === 'file-not-found') resolve(undefined);
      else reject(answer);
    });
  });
}

/** Writes the file, one write after the other; of several that wait only the last is written. */
export class KeyringWriter {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #failed: (error: QuorateError) => void;
  #waiting: readonly Uint8Array[] | undefined;
  #writing: Promise<void> | undefined;

  constructor(disk: Disk, path: string, failed: (error: QuorateError) => void) {
    this.#disk = disk;
    this.#path = path;
    this.#failed = failed;
  }

  /** These are the keys from now on. */
  write(keys: readonly Uint8Array[]): void {
    this.#waiting = keys;
    this.#writing ??= this.#writeAll();
  }

  /** Waits until everything is written. */
  async close(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    for (let keys = this.#waiting; keys !== undefined; keys = this.#waiting) {
      this.#waiting = undefined;
      const content = encodeKeyring(keys);
      await new Promise<void>((resolve) => {
        this.#disk.writeAtomically(this.#path, content, (error) => {
          if (error !== null) this.#failed(error);
          resolve();
        });
      });
    }
    this.#writing = undefined;
  }
}

/** The file's content for these keys, the one in use first. */
export function encodeKeyring(keys: readonly Uint8Array[]): Uint8Array {
  const texts = keys.map((key) => encodeBase64(key));
  return new TextEncoder().encode(`${JSON.stringify(texts, undefined, 2)}\n`);
}

/** A key in base64. */
export function encodeBase64(key: Uint8Array): string {
  return btoa(String.fromCharCode(...key));
}

function decodeKeyring(content: Uint8Array): Uint8Array[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(content));
  } catch (cause) {
    throw new QuorateError('invalid-config', 'the keyring file is no JSON', { cause });
  }
  if (!Array.isArray(parsed) || parsed.length === 0) {
    throw new QuorateError('invalid-config', 'the keyring file must be a list of keys');
  }
  return parsed.map((key: unknown) => decodeBase64(typeof key === 'string' ? key : ''));
}
