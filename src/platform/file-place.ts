/** Where a file lies, as a disk and a name on it. */
import path from 'node:path';
import { NodeDisk } from './node-disk.ts';

/** The directory that holds the file, as a disk of its own, and the file's name. */
export function filePlace(filePath: string): { readonly disk: NodeDisk; readonly name: string } {
  const absolute = path.resolve(filePath);
  return { disk: new NodeDisk(path.dirname(absolute)), name: path.basename(absolute) };
}
