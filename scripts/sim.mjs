/**
 * `npm run sim`: sets up what is needed and runs the simulator, with what follows. `--bugs` builds
 * planted bugs in, one after the other, and shows that each is found.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './set-up/root.mjs';
import { setUpOrExit } from './set-up.mjs';

await setUpOrExit();

const args = process.argv.slice(2);
const isBugs = args[0] === '--bugs';
const program = isBugs
  ? [join(root, 'dist', 'test', 'planted-bugs', 'main.js'), ...args.slice(1)]
  : [join(root, 'dist', 'cli', 'main.js'), 'sim', ...args];
const run = spawnSync(process.execPath, program, { cwd: root, stdio: 'inherit' });
process.exitCode = run.status ?? 1;
