/** Runs one script, of whatever kind, and says what each directive that failed should have given. */
import { comparable, outputLines, unifiedDiff } from './compare.ts';
import { InteractionScript } from './interaction.ts';
import { MembershipScript } from './membership-changes.ts';
import { runQuorum } from './quorum.ts';
import { type Directive, parseScript, ScriptError } from './script.ts';

export type Kind = 'quorum' | 'confchange' | 'interaction';

/** What went wrong in the directive at `line`: a difference, or an error and no more. */
export interface Failure {
  readonly line: number;
  readonly command: string;
  /** Lines to print. */
  readonly report: readonly string[];
}

export interface Outcome {
  readonly kind: Kind;
  readonly directives: number;
  readonly failures: readonly Failure[];
}

const kinds: readonly Kind[] = ['quorum', 'confchange', 'interaction'];

const kindOfCommand: ReadonlyMap<string, Kind> = new Map([
  ['committed', 'quorum'],
  ['vote', 'quorum'],
  ['simple', 'confchange'],
  ['enter-joint', 'confchange'],
  ['leave-joint', 'confchange'],
]);

/** The kind that the nearest folder names, or that the commands show. */
function kindOf(path: string, directives: readonly Directive[]): Kind {
  const folders = path.split(/[\\/]/).slice(0, -1).reverse();
  for (const folder of folders) {
    const kind = kinds.find((candidate) => candidate === folder);
    if (kind !== undefined) return kind;
  }
  for (const { name } of directives) {
    const kind = kindOfCommand.get(name);
    if (kind !== undefined) return kind;
  }
  return 'interaction';
}

/** @param path where the script was found; its folders tell the kind. */
export function runScript(path: string, text: string): Outcome {
  let directives: Directive[];
  try {
    directives = parseScript(text);
    if (directives.length === 0) throw new ScriptError(1, 'the script has no commands');
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    const failure = { line: error.line, command: '', report: [error.message] };
    return { kind: 'interaction', directives: 0, failures: [failure] };
  }
  const kind = kindOf(path, directives);
  const run = runnerOf(kind);
  const failures: Failure[] = [];
  for (const directive of directives) {
    const found = check(directive, run);
    if (found === undefined) continue;
    const { line, name } = directive;
    failures.push({ line, command: name, report: found.report });
    // After an error nobody knows what state things are in.
    if (found.fatal) break;
  }
  return { kind, directives: directives.length, failures };
}

type Runner = (directive: Directive) => string;

function runnerOf(kind: Kind): Runner {
  if (kind === 'quorum') return runQuorum;
  const script = kind === 'confchange' ? new MembershipScript() : new InteractionScript();
  return (directive) => script.run(directive);
}

function check(
  directive: Directive,
  run: Runner,
): { readonly report: readonly string[]; readonly fatal: boolean } | undefined {
  let output: string;
  try {
    output = run(directive);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { report: text.split('\n'), fatal: true };
  }
  if (directive.expected === undefined) {
    return { report: ['the directive has no ---- and no expected output'], fatal: false };
  }
  const diff = unifiedDiff(comparable(directive.expected.lines), comparable(outputLines(output)));
  return diff.length === 0 ? undefined : { report: diff, fatal: false };
}

/** The script with every expected output replaced by what came out, and nothing else changed. */
export function rewriteScript(path: string, text: string): string {
  const directives = parseScript(text);
  const run = runnerOf(kindOf(path, directives));
  const lines = text.split('\n');
  const rewritten: string[] = [];
  let at = 0;
  for (const directive of directives) {
    const { expected } = directive;
    if (expected === undefined) throw new ScriptError(directive.line, 'there is no ----');
    const output = comparable(outputLines(run(directive)));
    const blank = output.some((line) => line.trim() === '');
    rewritten.push(...lines.slice(at, expected.from - 1));
    rewritten.push(...(blank ? ['----', ...output, '----', '----'] : output));
    at = expected.to - 1;
  }
  return [...rewritten, ...lines.slice(at)].join('\n');
}
