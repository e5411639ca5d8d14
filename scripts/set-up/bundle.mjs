/**
 * The program as few files: loading some four hundred modules one by one is a third of what a start
 * costs. Packages stay where npm puts them, and the library's doors stay modules of their own.
 */
import { rmSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { rolldown } from 'rolldown';

/**
 * Bundles dist/src/cli into `into`.
 * @param {string} root
 * @param {string} into
 */
export async function bundleProgram(root, into) {
  const bundle = await rolldown({
    input: join(root, 'dist', 'src', 'cli', 'main.js'),
    platform: 'node',
    external: (name) => !name.startsWith('.') && !isAbsolute(name),
  });
  // Chunks take their names from what they hold: those of the last build may have had others.
  rmSync(into, { recursive: true, force: true });
  await bundle.write({ dir: into, entryFileNames: '[name].js', chunkFileNames: '[name].js' });
  await bundle.close();
}
