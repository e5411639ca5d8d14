/**
 * The examples that readers copy: code blocks marked `ts` in Markdown, and those under `@example`
 * in docstrings of src/. Each becomes a module of its own, to be compiled as a user would.
 */
import { posix } from 'node:path';
import { isSource, type Project, syntaxOf } from './project.ts';

export interface Example {
  /** Where it was found, as `path:line` of its first line of code. */
  readonly place: string;
  readonly code: string;
}

/**
 * All examples of the project. One in Markdown must import what it uses; one in a docstring that
 * imports nothing sees what its own module exports, as its reader does.
 */
export function examplesOf(project: Project): Example[] {
  return [...project.files].flatMap(([path, text]) => {
    if (path.endsWith('.md')) return fences(text, path, 1);
    if (!isSource(path)) return [];
    return syntaxOf(project, path).docstrings.flatMap((docstring) =>
      docstring.text.includes('@example')
        ? fences(docstring.text, path, docstring.line).map((example) => ({
            place: example.place,
            code: withOwnExports(project, path, example.code),
          }))
        : [],
    );
  });
}

/** The fenced blocks of `ts` in a text whose first line has the number `firstLine`. */
function fences(text: string, path: string, firstLine: number): Example[] {
  return [...text.matchAll(/^```ts\n(.*?)^```/gms)].map((match) => {
    const line = firstLine + text.slice(0, match.index).split('\n').length;
    return { place: `${path}:${line}`, code: match[1] ?? '' };
  });
}

function withOwnExports(project: Project, path: string, code: string): string {
  if (/^import /m.test(code)) return code;
  const words = new Set(code.match(/[\w$]+/g));
  const names = syntaxOf(project, path)
    .exports.map((each) => each.name)
    .filter((name) => words.has(name));
  // On the first line, so that the compiler's line numbers stay those of the example.
  const up = posix.join('..', '..', path);
  return names.length === 0 ? code : `import { ${names.join(', ')} } from '${up}'; ${code}`;
}
