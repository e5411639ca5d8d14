/** Directories for tests, which go away with what is in them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryDirectory {
  readonly path: string;
  remove(): Promise<void>;
}

/** Makes a directory of its own, readable by this user only. */
export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'quorate-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
