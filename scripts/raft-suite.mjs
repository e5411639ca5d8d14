/** `npm run raft-suite -- DIR`: runs every Raft script below DIR (see test/raft-suite/). */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './set-up/root.mjs';
import { setUpOrExit } from './set-up.mjs';

await setUpOrExit();
const program = join(root, 'dist', 'test', 'raft-suite', 'run.js');
const run = spawnSync(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exitCode = run.status ?? 1;
