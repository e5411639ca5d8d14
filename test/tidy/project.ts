/**
 * What the tidiness rules look at: the files of a checkout as text, and its package.json. The
 * rules take a {@link Project} and not a folder, so that each can be shown on a few planted lines
 * that it bites.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { parseModule, type SyntaxFacts } from './syntax.ts';

/** The parts of package.json that rules ask for. */
export interface Manifest {
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

export interface Project {
  /** Text of every file by its path from the root, with `/` between folders. */
  readonly files: ReadonlyMap<string, string>;
  readonly manifest: Manifest;
  /** Programs that are started by path, such as `test/raft-suite/run.ts`. */
  readonly programs: readonly string[];
}

/** A rule gives one line for each place that breaks it, `path:line problem`; none means tidy. */
export type Rule = (project: Project) => string[];

/** What git ignores, and git's own. */
const namesIgnored = new Set(['node_modules', 'dist', 'coverage', '.cache', '.git']);

/** Binary files have nothing to say to the rules. */
const textFile = /(\.(ts|mjs|json|md|txt|yml|proto|sh|html|css)|\/[^./]+|^\.[a-z]+|\/run)$/;

export function readProject(root: string, programs: readonly string[]): Project {
  const files = new Map<string, string>();
  for (const path of pathsBelow(root)) {
    const name = relative(root, path).split(sep).join('/');
    if (textFile.test(name)) files.set(name, readFileSync(path, 'utf8'));
  }
  return { files, manifest: JSON.parse(files.get('package.json') ?? '{}') as Manifest, programs };
}

function pathsBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((item) => {
    const path = join(folder, item.name);
    // In a second working tree .git is a file.
    if (namesIgnored.has(item.name)) return [];
    if (item.isDirectory()) return pathsBelow(path);
    return item.isFile() && !item.name.endsWith('.log') ? [path] : [];
  });
}

export const isModule = (path: string): boolean => /\.(ts|mjs)$/.test(path);
export const isTest = (path: string): boolean => path.endsWith('.test.ts');
/** Product code: what is shipped, and no test. */
export const isSource = (path: string): boolean =>
  path.startsWith('src/') && path.endsWith('.ts') && !isTest(path);
/** Generated code is committed but follows its generator's taste. */
export const isGenerated = (path: string): boolean => /(^|\/)gen\//.test(path);

const parsed = new WeakMap<Project, Map<string, SyntaxFacts>>();

/** The syntax of one module of the project, parsed once. */
export function syntaxOf(project: Project, path: string): SyntaxFacts {
  let cache = parsed.get(project);
  if (cache === undefined) {
    cache = new Map();
    parsed.set(project, cache);
  }
  let facts = cache.get(path);
  if (facts === undefined) {
    facts = parseModule(path, project.files.get(path) ?? '');
    cache.set(path, facts);
  }
  return facts;
}
