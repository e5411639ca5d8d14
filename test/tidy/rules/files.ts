/** Names, sizes and openings of files, and words that do not belong in them. */
import { isGenerated, isModule, isSource, type Project, syntaxOf } from '../project.ts';

const linesMax = 400;

const kebabCase = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;

/** Folders named after nothing in particular collect what belongs nowhere. */
const emptyNames = new Set(['utils', 'util', 'common', 'misc', 'helpers', 'helper']);

/** Files and folders with code in them are named in kebab-case, after their subject. */
export function fileNames(project: Project): string[] {
  const written = (path: string): boolean => isModule(path) && !isGenerated(path);
  return [...project.files.keys()].filter(written).flatMap((path) => {
    const parts = path.split('/');
    return [
      ...parts
        .filter((part) => !kebabCase.test(part))
        .map((part) => `${path}:1 "${part}" is not in kebab-case`),
      ...parts
        .filter((part) => emptyNames.has(part.split('.')[0] ?? ''))
        .map((part) => `${path}:1 "${part}" says nothing about what is in it`),
    ];
  });
}

/** A long file is two subjects, unless its opening comment says why not: `Length: …`. */
export function fileLengths(project: Project): string[] {
  return [...project.files].flatMap(([path, text]) => {
    if (!isModule(path) || isGenerated(path)) return [];
    const lines = text.trimEnd().split('\n').length;
    if (lines <= linesMax || /Length: \S/.test(syntaxOf(project, path).opening)) return [];
    return [`${path}:1 has ${lines} lines, and no "Length: …" in its opening comment says why`];
  });
}

/** Each module of the product opens with what it is. */
export function openings(project: Project): string[] {
  return [...project.files.keys()]
    .filter((path) => isSource(path) && !isGenerated(path))
    .filter((path) => syntaxOf(project, path).opening.trim().length < 30)
    .map((path) => `${path}:1 does not open with a comment that says what the module is`);
}

/** What must not be committed. The patterns are written so that they do not match themselves. */
const words: readonly (readonly [RegExp, string])[] = [
  [/\b(TO[D]O|FIX[M]E|XX[X])\b/, 'unfinished work'],
  // One word only: the other spelling is the name of a gRPC status.
  [/\bnot[ -]imple[m]ented\b/i, 'unfinished work'],
  [/(^|["'`(\s=])\/(wor[k]|roo[t]|hom[e]|User[s])\/[\w.-]/, "a path of someone's machine"],
  [/\b[A-Z]:\\User[s]\\/, "a path of someone's machine"],
  [/\bregistr[y]\.[a-z0-9-]+\.[a-z]+/, "a registry's host"],
  [/"resolve[d]": *"http/, "a registry's host"],
];

/** No file names unfinished work, a path of the machine it was written on, or a package registry. */
export function forbiddenWords(project: Project): string[] {
  return [...project.files].flatMap(([path, text]) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        words
          .filter(([pattern]) => pattern.test(line))
          .map(
            ([pattern, what]) => `${path}:${index + 1} ${what}: ${pattern.exec(line)?.[0].trim()}`,
          ),
      ),
  );
}
