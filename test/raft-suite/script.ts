/**
 * The form of the scripts: directives, each with an optional input and the output it must give.
 *
 *     # a comment
 *     command argument key=value key=(a, b) \
 *       another=argument
 *     lines of input
 *     ----
 *     expected output, up to a blank line
 *
 * Where the output itself has blank lines, `----` is doubled before it and after it. A script is
 * taken apart as a whole before any of it runs, so that a broken one fails as such.
 */

/** One argument of a directive; `values` is empty where there is no `=`. */
export interface Argument {
  readonly key: string;
  readonly values: readonly string[];
}

export interface Command {
  readonly name: string;
  readonly arguments: readonly Argument[];
}

export interface Directive extends Command {
  /** The number of the command's line, from 1. */
  readonly line: number;
  /** The lines between the command and `----`, without blanks around them. */
  readonly input: string;
  /** Undefined where there is no `----`. */
  readonly expected: Expected | undefined;
}

/** An expected output: the lines `from` … `to` − 1 of the script, counted from 1. */
export interface Expected {
  readonly lines: readonly string[];
  readonly from: number;
  readonly to: number;
}

/** A script that is not of the form; `line` counts from 1. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError';
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

const SEPARATOR = '----';

/** @throws ScriptError */
export function parseScript(text: string): Directive[] {
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  if (lines.at(-1) === '') lines.pop();
  const directives: Directive[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = at + 1;
    let text = lines[at++]!.trim();
    if (text === '' || text.startsWith('#')) continue;
    while (text.endsWith('\\') && at < lines.length) {
      text = `${text.slice(0, -1)} ${lines[at++]!.trim()}`;
    }
    const command = parseCommand(text, line);
    // A heading between groups of directives: it does nothing and gives nothing.
    if (command.name === 'subtest') continue;
    const separator = lines.indexOf(SEPARATOR, at);
    // Without a separator all that follows is input, as a last directive without output has it.
    const inputEnd = separator < 0 ? lines.length : separator;
    const input = lines.slice(at, inputEnd).join('\n').trim();
    const expected = separator < 0 ? undefined : readExpected(lines, separator + 1);
    at = expected === undefined ? lines.length : expected.to - 1;
    directives.push({ ...command, line, input, expected });
  }
  return directives;
}

/** Reads the output that begins with the line at `start`, an offset into `lines`. */
function readExpected(lines: readonly string[], start: number): Expected {
  let end = start;
  if (lines[start] !== SEPARATOR) {
    while (end < lines.length && lines[end]!.trim() !== '') end++;
    return { lines: lines.slice(start, end), from: start + 1, to: end + 1 };
  }
  do end++;
  while (end < lines.length && !(lines[end] === SEPARATOR && lines[end + 1] === SEPARATOR));
  const to = Math.min(end + 2, lines.length);
  return { lines: lines.slice(start + 1, end), from: start + 1, to: to + 1 };
}

/**
 * Takes a command line apart: words, `key=value` and `key=(value, value)`, where values in
 * parentheses may have parentheses of their own.
 * @throws ScriptError
 */
export function parseCommand(text: string, line: number): Command {
  const source = text.trim();
  let at = 0;
  const fail = (): never => {
    throw new ScriptError(line, `cannot read the command at column ${at + 1}: ${source}`);
  };
  const until = (stops: string): string => {
    const start = at;
    while (at < source.length && !stops.includes(source[at]!)) at++;
    return source.slice(start, at);
  };
  const skipSpace = (): void => {
    while (source[at] === ' ' || source[at] === '\t') at++;
  };
  const valuesInParentheses = (): string[] => {
    const values: string[] = [];
    for (;;) {
      const start = at;
      for (let depth = 0; ; at++) {
        if (at >= source.length) fail();
        if (depth === 0 && (source[at] === ',' || source[at] === ')')) break;
        if (source[at] === '(') depth++;
        if (source[at] === ')') depth--;
      }
      values.push(source.slice(start, at));
      const last = source[at++] === ')';
      skipSpace();
      if (last) return values;
    }
  };

  const name = until(' \t');
  if (name === '') fail();
  const found: Argument[] = [];
  for (skipSpace(); at < source.length; skipSpace()) {
    const key = until(' \t=');
    if (key === '') fail();
    if (source[at] !== '=') {
      found.push({ key, values: [] });
      continue;
    }
    at++;
    if (source[at] === '(') {
      at++;
      found.push({ key, values: valuesInParentheses() });
    } else {
      found.push({ key, values: [until(' \t')] });
    }
  }
  return { name, arguments: found };
}
