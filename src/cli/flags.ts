/**
 * Command-line flags as Go programs have them, because the commands that people know from Serf and
 * etcd do: one dash or two, the value after `=` or as the next word, flags that may be given more
 * than once.
 */
import { QuorateError } from '../base/errors.ts';

/** What kinds of flags there are: `switch` needs no value, `list` may be repeated. */
export type FlagKind = 'text' | 'number' | 'switch' | 'list';

/** The flags of a command, by name without dashes. */
export type FlagKinds = Readonly<Record<string, FlagKind>>;

interface KindValues {
  readonly text: string | undefined;
  readonly number: number | undefined;
  readonly switch: boolean;
  readonly list: readonly string[];
}

/** What was given. */
export interface ParsedFlags<K extends FlagKinds> {
  readonly flags: { readonly [Name in keyof K]: KindValues[K[Name]] };
  /** The words that are neither flags nor their values. */
  readonly words: readonly string[];
}

/**
 * Reads flags. Throws `invalid-config` for an unknown flag, a missing value, a text where a number
 * belongs, or one given twice. `--` ends the flags.
 */
export function parseFlags<K extends FlagKinds>(args: readonly string[], kinds: K): ParsedFlags<K> {
  const texts = new Map<string, string[]>();
  const words: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    if (arg === '--') {
      words.push(...args.slice(index + 1));
      break;
    }
    const match = /^--?([a-zA-Z][\w-]*)(?:=(.*))?$/s.exec(arg);
    if (match === null) {
      words.push(arg);
      continue;
    }
    const name = match[1]!;
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) throw invalid(`there is no flag -${name}`);
    let value = match[2];
    if (value === undefined && kind === 'switch') value = 'true';
    if (value === undefined) value = args[++index];
    if (value === undefined) throw invalid(`-${name} needs a value`);
    const given = texts.get(name) ?? [];
    if (given.length > 0 && kind !== 'list') throw invalid(`-${name} is given twice`);
    texts.set(name, [...given, value]);
  }
  const flags = Object.fromEntries(
    Object.entries(kinds).map(([name, kind]) => [
      name,
      readValue(name, kind, texts.get(name) ?? []),
    ]),
  );
  return { flags: flags as ParsedFlags<K>['flags'], words };
}

function readValue(name: string, kind: FlagKind, given: readonly string[]): KindValues[FlagKind] {
  const [text] = given;
  switch (kind) {
    case 'list':
      return given;
    case 'text':
      return text;
    case 'switch':
      if (text !== undefined && text !== 'true' && text !== 'false') {
        throw invalid(`-${name} is true or false`);
      }
      return text === 'true';
    case 'number': {
      if (text === undefined) return undefined;
      const number = Number(text);
      if (text.trim() === '' || !Number.isFinite(number)) throw invalid(`-${name} needs a number`);
      return number;
    }
  }
}

/** Milliseconds of a duration as Go writes it (`30s`, `1m30s`, `500ms`). Throws `invalid-config`. */
export function durationMs(text: string, what: string): number {
  const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
  if (text === '0') return 0;
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) {
    throw invalid(`${what}: "${text}" is no duration such as 500ms, 30s or 1m30s`);
  }
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(count) * unitMs[unit!]!;
  }
  return total;
}

function invalid(message: string): QuorateError {
  return new QuorateError('invalid-config', message);
}
