/**
 * What was given, from three sources: the command line, the environment, a configuration file.
 * Rules of etcd's: the same setting on the command line and in the environment is an error, and
 * beside a configuration file neither of them counts.
 */
import { QuorateError } from '../../base/errors.ts';
import { type FlagName, fileSections, flagNamed, flagTable } from './flag-table.ts';

/** Texts by flag, and what an operator should be told. */
export interface GivenFlags {
  readonly texts: ReadonlyMap<FlagName, string>;
  readonly warnings: readonly string[];
}

/** Where settings may come from. */
export interface FlagSources {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => Promise<string>;
}

const prefixes = ['ETCD_', 'QUORATE_'];

/** Variables of etcd's other programs, which are no business of a server's. */
const foreignVariables = new Set([
  'ETCD_UNSUPPORTED_ARCH',
  'ETCD_VERIFY',
  'ETCD_VERSION',
  'ETCD_RELEASE',
]);

/** Gathers what was given. Throws `invalid-config`. */
export async function givenFlags({ args, env, readFile }: FlagSources): Promise<GivenFlags> {
  const warnings: string[] = [];
  const fromArgs = argumentTexts(args);
  const fromEnv = environmentTexts(env, warnings);
  for (const [name, { variable }] of fromEnv) {
    if (!fromArgs.has(name)) continue;
    throw invalid(
      `conflicting environment variable "${variable}" is shadowed by corresponding command-line ` +
        'flag (either unset environment variable or disable flag)',
    );
  }
  const path = fromArgs.get('config-file') ?? fromEnv.get('config-file')?.text;
  if (path !== undefined && path !== '') {
    if (fromArgs.size + fromEnv.size > 1) {
      warnings.push('a configuration file is given: other flags and the environment do not count');
    }
    return { texts: await fileTexts(await readFile(path), path, warnings), warnings };
  }
  const texts = new Map(fromArgs);
  for (const [name, { text }] of fromEnv) texts.set(name, text);
  return { texts, warnings };
}

function argumentTexts(args: readonly string[]): Map<FlagName, string> {
  const texts = new Map<FlagName, string>();
  const writtenAs = new Map<FlagName, string>();
  for (let index = 0; index < args.length; index++) {
    const match = /^--?([a-z][\w-]*)(?:=(.*))?$/s.exec(args[index]!);
    if (match === null) throw invalid(`"${args[index]}" is not a valid flag`);
    const given = match[1]!;
    const name = flagNamed(given);
    if (name === undefined) throw invalid(`flag provided but not defined: -${given}`);
    const before = writtenAs.get(name);
    if (before !== undefined && before !== given) {
      throw invalid(
        `cannot set --experimental-${name} and --${name} at the same time, please use --${name} only`,
      );
    }
    writtenAs.set(name, given);
    let text = match[2];
    if (text === undefined && flagTable[name].kind === 'switch') text = 'true';
    if (text === undefined) text = args[++index];
    if (text === undefined) throw invalid(`flag needs an argument: -${name}`);
    // As with Go's flags, the last one counts.
    texts.set(name, text);
  }
  return texts;
}

function environmentTexts(
  env: FlagSources['env'],
  warnings: string[],
): Map<FlagName, { text: string; variable: string }> {
  const texts = new Map<FlagName, { text: string; variable: string }>();
  for (const [variable, text] of Object.entries(env)) {
    const prefix = prefixes.find((each) => variable.startsWith(each));
    if (prefix === undefined || text === undefined || text === '') continue;
    const name = flagNamed(variable.slice(prefix.length).toLowerCase().replaceAll('_', '-'));
    if (name === undefined) {
      if (!foreignVariables.has(variable)) {
        warnings.push(`unrecognized environment variable ${variable}`);
      }
      continue;
    }
    const before = texts.get(name);
    if (before !== undefined && before.text !== text) {
      throw invalid(`${before.variable} and ${variable} contradict each other`);
    }
    texts.set(name, { text, variable });
  }
  return texts;
}

/**
 * Settings that nobody knows are passed over with a warning, as configuration files outlive the
 * versions they were written for; within the sections about TLS they are refused, lest somebody
 * believes to be protected.
 */
async function fileTexts(
  content: string,
  path: string,
  warnings: string[],
): Promise<Map<FlagName, string>> {
  // Loaded for those who have such a file: what it takes to read one would slow every start.
  const { parse: parseYaml } = await import('yaml');
  let read: unknown;
  try {
    // JSON is YAML too. Numbers stay as they are written.
    read = parseYaml(content, { intAsBigInt: true, maxAliasCount: 0 });
  } catch (error) {
    throw invalid(`${path}: ${error instanceof Error ? error.message : error}`);
  }
  const texts = new Map<FlagName, string>();
  if (read === null) return texts;
  const set = (flag: FlagName, value: unknown, what: string): void => {
    // A setting that is named and left empty has its default.
    if (value !== null) texts.set(flag, textOf(value, what));
  };
  const top = sectionOf(read, path);
  for (const [name, value] of Object.entries(top)) {
    const section = Object.hasOwn(fileSections, name) ? fileSections[name] : undefined;
    if (section !== undefined) {
      for (const [inner, text] of Object.entries(sectionOf(value ?? {}, `${path}: ${name}`))) {
        const flag = Object.hasOwn(section, inner) ? section[inner] : undefined;
        if (flag === undefined) throw invalid(`${path}: unknown setting ${name}.${inner}`);
        set(flag, text, `${name}.${inner}`);
      }
      continue;
    }
    const flag = flagNamed(name);
    if (flag !== undefined && flag !== 'config-file') set(flag, value, name);
    else warnings.push(`${path}: unknown setting "${name}"`);
  }
  return texts;
}

function sectionOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw invalid(`${what} is no set of settings`);
}

function textOf(value: unknown, name: string): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
    case 'bigint':
    case 'number':
      return String(value);
    default:
      if (Array.isArray(value)) return value.map((each) => textOf(each, name)).join(',');
      throw invalid(`${name} has a value of a kind that it cannot have`);
  }
}

export function invalid(message: string): QuorateError {
  return new QuorateError('invalid-config', message);
}
