/** Whether a directory is the data directory of an etcd, which is none of a member's here. */
import fs from 'node:fs';
import { join } from 'node:path';

/** `<data-dir>/member` is where etcd keeps its log and database; members here have no such name. */
export function isEtcdDirectory(path: string): boolean {
  return ['snap', 'wal'].some((name) => fs.existsSync(join(path, 'member', name)));
}
