/** The rules for paths that {@link file://./disk.ts} states, for all its implementations. */
import { QuorateError } from '../base/errors.ts';
import { nameCharactersMax } from './disk.ts';

const part = /^[A-Za-z0-9._-]+$/;

/** The parts of a path, none for the root, or `invalid-config` saying what is wrong with it. */
export function pathParts(path: string): readonly string[] | QuorateError {
  if (path === '') return [];
  const parts = path.split('/');
  for (const name of parts) {
    if (name === '.' || name === '..' || !part.test(name) || name.length > nameCharactersMax) {
      return new QuorateError(
        'invalid-config',
        `a disk's path is made of names of 1 to ${nameCharactersMax} letters, digits and . _ -: ` +
          `${JSON.stringify(path.slice(0, 300))} is not`,
        { details: { path } },
      );
    }
  }
  return parts;
}

/** The path of the directory that a path lies in; the root for a path of one name. */
export function parentPath(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** `invalid-config` unless both paths are good, are no roots, and lie in one directory. */
export function checkRename(from: string, to: string): QuorateError | null {
  for (const path of [from, to]) {
    const parts = pathParts(path);
    if (parts instanceof QuorateError) return parts;
  }
  if (from !== '' && to !== '' && parentPath(from) === parentPath(to)) return null;
  return new QuorateError(
    'invalid-config',
    `a rename stays in its directory: ${from || 'the root'} to ${to || 'the root'} does not`,
    { details: { path: from, to } },
  );
}
