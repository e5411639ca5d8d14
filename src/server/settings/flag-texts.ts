/** The texts of flags, read as what they are: lists, switches, numbers, durations. */
import { type FlagName, flagTable } from './flag-table.ts';
import { invalid } from './given-flags.ts';

/** Whoever knows the cluster's token may prove to be a member, where `peer-auto-tls` is given. */
const secret: ReadonlySet<FlagName> = new Set(['initial-cluster-token', 'discovery-password']);

/** Reads texts by the table. */
export class Flags {
  readonly #texts: ReadonlyMap<FlagName, string>;

  constructor(texts: ReadonlyMap<FlagName, string>) {
    this.#texts = texts;
  }

  withoutEffect(): string[] {
    return [...this.#texts.keys()].flatMap((name) => {
      const flag: { readonly without?: string } = flagTable[name];
      return flag.without === undefined || this.text(name) === ''
        ? []
        : [`--${name} has no effect: ${flag.without}`];
    });
  }

  /** What was given, for the log; without what is secret, or may be. */
  given(): Record<string, string | number> {
    const entries = [...this.#texts].filter(([name]) => !secret.has(name));
    return Object.fromEntries(
      entries.map(([name, text]) => {
        const isNumber = flagTable[name].kind === 'whole' && /^\d{1,15}$/.test(text);
        return [name, isNumber ? Number(text) : text];
      }),
    );
  }

  /** Refuses what the server would do otherwise than is asked. Throws `invalid-config`. */
  refuse(): void {
    for (const [name, text] of this.#texts) {
      const flag: { readonly refused?: string } = flagTable[name];
      if (flag.refused !== undefined && text !== '') throw invalid(`--${name}: ${flag.refused}`);
    }
  }

  text(name: FlagName): string {
    return this.#texts.get(name) ?? flagTable[name].standard;
  }

  list(name: FlagName): string[] {
    return this.text(name)
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== '');
  }

  switch(name: FlagName): boolean {
    const text = this.text(name);
    if (['true', 't', '1', 'TRUE', 'True', 'T'].includes(text)) return true;
    if (['false', 'f', '0', 'FALSE', 'False', 'F', ''].includes(text)) return false;
    throw invalid(`invalid boolean value "${text}" for -${name}`);
  }

  whole(name: FlagName, range: { least?: number; most?: number } = {}): number {
    const text = this.text(name);
    const value = Number(text);
    const { least = 0, most = Number.MAX_SAFE_INTEGER } = range;
    if (!/^[+-]?\d+$/.test(text) || value < least || value > most) {
      throw invalid(
        `invalid value "${text}" for flag -${name}: a whole number in ${least} … ${most}`,
      );
    }
    return value;
  }

  duration(name: FlagName): number {
    const text = this.text(name);
    return text === '' ? 0 : durationMs(text, name);
  }
}

/** Milliseconds of a duration as Go writes it: `1h30m`, `500ms`. Throws `invalid-config`. */
export function durationMs(text: string, what: string): number {
  const unitMs: Readonly<Record<string, number>> = {
    ns: 1e-6,
    us: 1e-3,
    µs: 1e-3,
    ms: 1,
    s: 1_000,
    m: 60_000,
    h: 3_600_000,
  };
  if (text === '0') return 0;
  if (!/^(?:\d+(?:\.\d+)?(?:ns|[uµ]s|ms|s|m|h))+$/.test(text)) {
    throw invalid(`${what}: "${text}" is no duration such as 500ms, 30s or 1h30m`);
  }
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|[uµ]s|ms|s|m|h)/g)) {
    total += Number(count) * unitMs[unit!]!;
  }
  return total;
}
