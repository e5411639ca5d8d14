/** Finds scripts on the disk. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** All scripts under `path`, in a stable order. */
export function scriptsIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const entries = readdirSync(path, { withFileTypes: true });
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const inside = join(path, entry.name);
      // A link may lead to a folder or a script: ask what stands at its end.
      if (statSync(inside).isDirectory()) return scriptsIn(inside);
      return entry.name.endsWith('.txt') ? [inside] : [];
    });
}
