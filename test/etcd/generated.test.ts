/** The committed code of src/server/proto/gen is what the generator makes of the .proto files. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { generate } from '../../scripts/generate.mjs';

const committed = join(import.meta.dirname, '../../src/server/proto/gen');
const folder = mkdtempSync(join(tmpdir(), 'quorate-generated-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function filesBelow(root: string): Record<string, string> {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' });
  return Object.fromEntries(
    paths
      .filter((path) => path.endsWith('.ts'))
      .sort()
      .map((path) => [path, readFileSync(join(root, path), 'utf8')]),
  );
}

test('what is committed is what `npm run generate` makes', () => {
  generate(folder);
  expect(filesBelow(committed)).toEqual(filesBelow(folder));
});
