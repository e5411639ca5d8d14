/** `npm run raft-suite -- DIR`: runs every Raft script below DIR (see test/raft-suite/). */
import { spawnSync } from 'node:child_process';
import { builtPath, programs } from './programs.mjs';
import { setUpOrExit } from './set-up.mjs';

await setUpOrExit();
const program = builtPath(programs.raftSuite);
const run = spawnSync(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exitCode = run.status ?? 1;
