/** A backup as a file: written beside its name and given it when it is whole, read in large steps. */
import path from 'node:path';
import { QuorateError } from '../base/errors.ts';
import type { DiskFile } from '../ports/disk.ts';
import { NodeDisk } from './node-disk.ts';

const readBytes = 256 * 2 ** 10;
const syncEveryBytes = 16 * 2 ** 20;

/** Where a file is: the disk of its directory, and its name there. */
function placeOf(file: string): { readonly disk: NodeDisk; readonly name: string } {
  const whole = path.resolve(file);
  return { disk: new NodeDisk(path.dirname(whole)), name: path.basename(whole) };
}

function settled<T>(begin: (answer: (result: T | QuorateError) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    begin((result) => (result instanceof QuorateError ? reject(result) : resolve(result)));
  });
}

/** Writes a new file, readable by this user only; durable when this returns. */
export async function writeWhole(file: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  const { disk, name } = placeOf(file);
  const partial = `${name}.part`;
  const exists = await settled((then) => disk.stat(name, (facts) => then(facts))).then(
    () => true,
    (error: QuorateError) => {
      if (error.code === 'file-not-found') return false;
      throw error;
    },
  );
  if (exists) throw new QuorateError('file-exists', `there is a file ${file} already`);
  const open = await settled<DiskFile>((then) => disk.open(partial, 'create', then));
  let position = 0;
  let isOpen = true;
  try {
    let synced = 0;
    for await (const chunk of bytes) {
      await settled<null>((then) => open.write([chunk], position, then));
      position += chunk.length;
      if (position - synced < syncEveryBytes) continue;
      await settled<null>((then) => open.sync(then));
      synced = position;
    }
    await settled<null>((then) => open.sync(then));
    isOpen = false;
    await settled<null>((then) => open.close(then));
    await settled<null>((then) => disk.rename(partial, name, then));
    await settled<null>((then) => disk.syncDirectory('', then));
    return position;
  } catch (error) {
    if (isOpen) await new Promise<void>((resolve) => open.close(() => resolve()));
    await new Promise<void>((resolve) => disk.remove(partial, () => resolve()));
    throw error;
  }
}

/** A file's bytes, in large steps. */
export async function* readWhole(file: string): AsyncGenerator<Uint8Array, void> {
  const { disk, name } = placeOf(file);
  const open = await settled<DiskFile>((then) => disk.open(name, 'read', then));
  try {
    for (let position = 0; ; ) {
      const into = new Uint8Array(readBytes);
      const count = await settled<number>((then) => open.read(into, position, then));
      if (count === 0) return;
      position += count;
      yield into.subarray(0, count);
    }
  } finally {
    await new Promise<void>((resolve) => open.close(() => resolve()));
  }
}
