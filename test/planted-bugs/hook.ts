/** Node's hook for loading modules: plants one bug into the text of its module. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { plantedBugs } from './catalogue.ts';

interface Loaded {
  readonly format: 'module';
  readonly source: string;
  readonly shortCircuit: boolean;
}

let planted: (typeof plantedBugs)[number] | undefined;

export function initialize(name: string): void {
  planted = plantedBugs.find((bug) => bug.name === name);
}

export async function load(
  url: string,
  context: unknown,
  next: (url: string, context: unknown) => Promise<unknown>,
): Promise<Loaded | unknown> {
  if (planted === undefined || !url.endsWith(`/src/${planted.module}.js`)) {
    return next(url, context);
  }
  const text = await readFile(fileURLToPath(url), 'utf8');
  const source = text.replace(planted.find, () => planted!.replace);
  return { format: 'module', source, shortCircuit: true };
}
