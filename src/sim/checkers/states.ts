/**
 * Same commands, same answers, same state: every replica's machine is wrapped, and what it does with
 * each entry is compared with what the first one did that applied it (invariants 4 and 14). A state
 * that came with a snapshot must agree with one that came by replaying, and in the end the whole run
 * is played once more on a fresh machine. So a machine that is not deterministic is caught, and the
 * first command shown on which two replicas part.
 */
import { crc32c } from '../../base/crc32c.ts';
import type { CommandContext, Machine, MachineRestore, Outcome } from '../../engine/machine.ts';
import type { Findings } from './findings.ts';

/** What the first replica to apply an entry did. */
interface Applied {
  readonly command: Uint8Array;
  readonly context: CommandContext;
  readonly answer: string;
  /** The machine's own hash afterwards, or of its snapshot now and then. */
  readonly hash: number | undefined;
  readonly by: string;
}

/** Which entry an outcome belongs to: it stays with it on its way to the caller. */
const appliedAt = Symbol('applied at');
type Watched = Outcome & { readonly [appliedAt]?: number };

/** Where a machine has no hash, its snapshot is hashed at every so manyth entry. */
const snapshotHashEvery = 32;
/** How much of an answer or command is shown. */
const shownMax = 120;

/** See above. */
export class StateChecker {
  readonly #findings: Findings;
  /** By group's name and index. */
  readonly #applied = new Map<string, Map<number, Applied>>();
  /** How many answers were compared. */
  compared = 0;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** The entry whose outcome this is. */
  indexOf(outcome: Outcome): number | undefined {
    return (outcome as Watched)[appliedAt];
  }

  /** The same machine, watched: as `name`'s replica of a group. */
  watch(name: string, group: string, machine: Machine): Machine {
    const applied = this.#group(group);
    let last = 0;
    const watched: Machine = Object.create(machine) as Machine;
    Object.defineProperties(watched, {
      apply: {
        value: (command: Uint8Array, context: CommandContext): Outcome => {
          const { index } = context;
          if (index <= last) {
            this.#findings.report('applied-twice', `${name}: entry ${index} comes after ${last}`);
          }
          last = index;
          const known = applied.get(index);
          // The first copy is kept, and played again in the end.
          const kept = known === undefined ? command.slice() : command;
          // A fresh object, for a machine may answer with the same one each time.
          const outcome: Watched = { ...machine.apply(command, context), [appliedAt]: index };
          const answer = textOf(outcome);
          const hash = hashOf(machine, index);
          if (known === undefined) {
            applied.set(index, { command: kept, context, answer, hash, by: name });
          } else if (known.answer === answer && known.hash === hash) this.compared++;
          else this.#differ({ name, group, known, answer, hash, context });
          return outcome;
        },
      },
      restore: {
        value: (): MachineRestore => {
          last = 0;
          return machine.restore();
        },
      },
      snapshot: { value: () => machine.snapshot() },
      ...(machine.kept === undefined ? {} : { kept: { get: () => machine.kept } }),
      ...bound(machine, 'hash'),
      ...bound(machine, 'query'),
      ...bound(machine, 'encodeOutcome'),
      ...bound(machine, 'decodeOutcome'),
    });
    return watched;
  }

  #differ(found: {
    readonly name: string;
    readonly group: string;
    readonly known: Applied;
    readonly answer: string;
    readonly hash: number | undefined;
    readonly context: CommandContext;
  }): void {
    const { name, group, known, answer, hash, context } = found;
    this.compared++;
    const what =
      known.answer === answer
        ? `afterwards the state of ${known.by} has hash ${known.hash}, of ${name} ${hash}`
        : `${known.by} answered ${cut(known.answer)}, ${name} ${cut(answer)}`;
    const message =
      `replicas of group ${group} part at entry ${context.index} (${shown(known.command)}): ` +
      `${what}. Where both applied the same entries before, the machine is not deterministic`;
    this.#findings.report('states-differ', message);
  }

  /** Plays all that was applied once more, on a fresh machine. */
  replay(group: string, fresh: Machine): void {
    const applied = this.#group(group);
    for (const index of [...applied.keys()].sort((a, b) => a - b)) {
      const { command, context, answer, hash, by } = applied.get(index)!;
      const again = textOf(fresh.apply(command, context));
      const hashAgain = hashOf(fresh, index);
      if (again === answer && hashAgain === hash) continue;
      const what =
        again === answer
          ? `the state had hash ${hash} then, and ${hashAgain} now`
          : `${by} answered ${cut(answer)} then, and it is ${cut(again)} now`;
      const message =
        `played again, entry ${index} (${shown(command)}) differs: ${what}. The machine rests on ` +
        'something that is neither its state nor its command';
      this.#findings.report('replay-differs', message);
      return;
    }
  }

  /** How many commands a group has applied. */
  count(group: string): number {
    return this.#group(group).size;
  }

  #group(group: string): Map<number, Applied> {
    let found = this.#applied.get(group);
    if (found === undefined) {
      found = new Map();
      this.#applied.set(group, found);
    }
    return found;
  }
}

/** A method as a property, bound to its machine, if the machine has it. */
function bound(machine: Machine, name: 'hash' | 'query' | 'encodeOutcome' | 'decodeOutcome') {
  const method = machine[name];
  if (method === undefined) return {};
  return { [name]: { value: (method as (...args: never[]) => unknown).bind(machine) } };
}

function hashOf(machine: Machine, index: number): number | undefined {
  if (machine.hash !== undefined) return machine.hash();
  if (index % snapshotHashEvery !== 0 || machine.kept !== undefined) return undefined;
  let hash = 0;
  const chunks = machine.snapshot();
  for (let chunk = chunks.next(); chunk.done !== true; chunk = chunks.next()) {
    hash = (Math.imul(hash, 31) + crc32c(chunk.value)) | 0;
  }
  return hash;
}

/** An outcome as text that is equal only for equal ones. */
function textOf(outcome: Outcome): string {
  if (!outcome.ok) return `refusal: ${outcome.error.message}`;
  const { value } = outcome;
  if (typeof value === 'number' || typeof value === 'string') return `${typeof value} ${value}`;
  if (isPlain(value)) return JSON.stringify(value);
  return (
    JSON.stringify(value, (_, each: unknown) => {
      if (typeof each === 'bigint') return `${each}n`;
      if (each instanceof Map || each instanceof Set) return [...each];
      return each;
    }) ?? 'nothing'
  );
}

/** An object of nothing but numbers, texts and truths, which is written without further questions. */
function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  for (const each of Object.values(value)) {
    if (typeof each !== 'number' && typeof each !== 'string' && typeof each !== 'boolean') {
      return false;
    }
  }
  return true;
}

function shown(command: Uint8Array): string {
  const text = new TextDecoder().decode(command);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  const isText = !/[\u0000-\u0008\ufffd]/.test(text);
  return isText ? cut(text) : `${command.length} bytes`;
}

function cut(text: string): string {
  return text.length <= shownMax ? text : `${text.slice(0, shownMax)}…`;
}
