/** The doors: that package.json opens exactly them, and that what passes through is documented. */
import { posix } from 'node:path';
import { sourcesOf } from '../graph.ts';
import { isSource, type Project, syntaxOf } from '../project.ts';
import { roomOf } from '../rooms.ts';

/** `src/raft.ts` ↔ `"./raft"` in package.json's exports, and `src/index.ts` ↔ `"."`. */
export function doorsAreExported(project: Project): string[] {
  const doors = [...project.files.keys()].filter(
    (path) => isSource(path) && roomOf(path) === 'doors',
  );
  const exported = Object.entries(project.manifest.exports ?? {}).filter(
    ([name]) => name !== './package.json',
  );
  const wanted = new Map(doors.map((path) => [entryOf(path), path]));
  return [
    ...[...wanted]
      .filter(([name]) => !exported.some(([other]) => other === name))
      .map(([name, path]) => `${path}:1 package.json does not export it as "${name}"`),
    ...exported
      .filter(([name, target]) => sourcesOf(target).join() !== wanted.get(name))
      .map(([name]) => `package.json:1 exports "${name}", which is not built from its door`),
  ];
}

function entryOf(door: string): string {
  const name = posix.basename(door, '.ts');
  return name === 'index' ? '.' : `./${name}`;
}

/** Every name that a door gives out has a docstring where it is declared. */
export function doorsAreDocumented(project: Project): string[] {
  return [...project.files.keys()]
    .filter((path) => isSource(path) && roomOf(path) === 'doors')
    .flatMap((path) => undocumented(project, path, undefined, new Set()));
}

/** Where `name` (or everything, if undefined) that `path` exports is declared without docstring. */
function undocumented(
  project: Project,
  path: string,
  name: string | undefined,
  seen: Set<string>,
): string[] {
  const key = `${path} ${name ?? '*'}`;
  if (seen.has(key) || !project.files.has(path)) return [];
  seen.add(key);
  const { exports } = syntaxOf(project, path);
  return exports.flatMap((each) => {
    if (each.from === undefined) {
      if (name !== undefined && each.name !== name) return [];
      return each.documented
        ? []
        : [`${path}:${each.line} ${each.name} is public without docstring`];
    }
    if (!each.from.startsWith('.')) return [];
    const target = posix.join(posix.dirname(path), each.from);
    if (each.sourceName !== '*') {
      if (name !== undefined && each.name !== name) return [];
      return undocumented(project, target, each.sourceName, seen);
    }
    return undocumented(project, target, each.name === '*' ? name : undefined, seen);
  });
}
