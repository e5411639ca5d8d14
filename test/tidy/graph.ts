/** Which module leads to which: imports resolved to files, what can be reached, and circles. */
import { posix } from 'node:path';
import { isModule, type Project, syntaxOf } from './project.ts';

/** One import of a file of the project by another. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly line: number;
}

/** The imports of `path` that lead to other files of the project. */
export function edgesOf(project: Project, path: string): Edge[] {
  return syntaxOf(project, path).imports.flatMap(({ specifier, line }) => {
    const to = resolve(project, path, specifier);
    return to === undefined ? [] : [{ from: path, to, line }];
  });
}

/** The file that a specifier names, whether or not it exists; undefined for packages. */
function resolve(project: Project, from: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier);
  if (specifier !== 'quorate' && !specifier.startsWith('quorate/')) return undefined;
  const target = project.manifest.exports?.[`.${specifier.slice('quorate'.length)}`];
  return sourcesOf(target)[0];
}

/**
 * The sources behind an entry of package.json's exports or bin: `./dist/src/x.js` → `src/x.ts`, and of
 * the bundled program `./dist/cli/x.js` → `src/cli/x.ts`.
 */
export function sourcesOf(target: unknown): string[] {
  if (typeof target === 'object' && target !== null) {
    return [...new Set(Object.values(target).flatMap(sourcesOf))];
  }
  const match =
    typeof target === 'string' ? /^\.?\/?dist\/(.+?)(\.d\.ts|\.js)$/.exec(target) : null;
  return match === null ? [] : [`${match[1]!.replace(/^cli\//, 'src/cli/')}.ts`];
}

/** All modules that can be reached from `roots`, these included. */
export function reachable(project: Project, roots: Iterable<string>): Set<string> {
  const found = new Set<string>();
  const waiting = [...roots];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(path) || !project.files.has(path) || !isModule(path)) continue;
    found.add(path);
    waiting.push(...edgesOf(project, path).map((edge) => edge.to));
  }
  return found;
}

/** Circles among the given modules, each as its files in order; at most one through each file. */
export function cycles(project: Project, paths: readonly string[]): string[][] {
  const finished = new Set<string>();
  const trail: string[] = [];
  const found: string[][] = [];
  const visit = (path: string): void => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      found.push(trail.slice(at));
      return;
    }
    if (finished.has(path) || !project.files.has(path) || !isModule(path)) return;
    trail.push(path);
    for (const edge of edgesOf(project, path)) visit(edge.to);
    trail.pop();
    finished.add(path);
  };
  for (const path of paths) visit(path);
  return found;
}
