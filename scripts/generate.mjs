/**
 * `npm run generate`: makes TypeScript of the `.proto` files in src/server/proto. The result is
 * committed, so that neither users nor `npm test` need the generator; a test compares the two.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './set-up/root.mjs';

const folder = join(root, 'src', 'server', 'proto');

/**
 * Writes the generated code below `target`, whose content is replaced.
 * @param {string} target
 */
export function generate(target) {
  const bin = join(root, 'node_modules', '.bin');
  const options = ['target=ts', 'import_extension=ts', 'erasable_syntax=true'];
  const plugin = { local: join(bin, 'protoc-gen-es'), out: target, opt: options };
  const template = JSON.stringify({ version: 'v2', clean: true, plugins: [plugin] });
  const run = spawnSync(join(bin, 'buf'), ['generate', '--template', template], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`buf generate: ${run.stderr || run.error}`);
}

if (process.argv[1] === import.meta.filename) generate(join(folder, 'gen'));
