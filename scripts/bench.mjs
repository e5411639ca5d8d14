/** `npm run bench -- NAME`: sets up what is needed and runs bench/NAME.ts, with what follows. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './set-up/root.mjs';
import { setUpOrExit } from './set-up.mjs';

await setUpOrExit();

const folder = join(root, 'dist', 'bench');
const names = existsSync(folder)
  ? readdirSync(folder).flatMap((file) => (file.endsWith('.js') ? [file.slice(0, -3)] : []))
  : [];
const [name, ...rest] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  if (name !== undefined) console.error(`There is no bench "${name}".`);
  console.log(`npm run bench -- NAME, where NAME is one of: ${names.join(', ') || '(none yet)'}`);
  process.exitCode = name === undefined ? 0 : 1;
} else {
  // What a figure rests on belongs beside it, so the collector can be driven by hand.
  const run = spawnSync(process.execPath, ['--expose-gc', join(folder, `${name}.js`), ...rest], {
    cwd: root,
    stdio: 'inherit',
  });
  process.exitCode = run.status ?? 1;
}
