/** `npm run fix [-- PATH…]`: formats, and mends what lint can mend by itself. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './set-up/root.mjs';
import { setUpOrExit } from './set-up.mjs';

await setUpOrExit({ build: false });
const paths = process.argv.slice(2);
const biome = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
const run = spawnSync(
  process.execPath,
  [biome, 'check', '--write', ...(paths.length > 0 ? paths : ['.'])],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
process.exitCode = run.status ?? 1;
