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
  const here = planted?.plants.filter(({ module }) => url.endsWith(`/src/${module}.js`)) ?? [];
  if (here.length === 0) return next(url, context);
  let source = await readFile(fileURLToPath(url), 'utf8');
  for (const { module, find, replace } of here) {
    const places = source.split(find).length - 1;
    if (places !== 1) throw new Error(`"${planted!.name}" fits ${places} places of ${module}`);
    source = source.replace(find, () => replace);
  }
  return { format: 'module', source, shortCircuit: true };
}
