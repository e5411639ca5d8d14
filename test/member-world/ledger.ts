/**
 * Commands of sessions that are repeated until they are answered, and commands that are fenced by a
 * leader's term: a ledger keeps all effects, doubled ones too, and clients keep what they were told.
 */
import { QuorateError } from '../../src/base/errors.ts';
import type { CommandContext, Machine, MachineRestore, Outcome } from '../../src/engine/machine.ts';
import type { Group } from '../../src/member/group.ts';
import type { Subject } from '../../src/sim/run/run.ts';

/** What a command was for, and the term that it was let in with. */
interface Effect {
  readonly what: string;
  readonly index: number;
  readonly term: number;
  /** 0: any. */
  readonly required: number;
}

/** Keeps all effects, doubled ones too. */
export class Ledger implements Machine {
  effects: Effect[] = [];

  apply(command: Uint8Array, { index, term }: CommandContext): Outcome {
    const [what = '', required = '0'] = new TextDecoder().decode(command).split(' ');
    this.effects.push({ what, index, term, required: Number(required) });
    // The answer tells a repetition from a second effect.
    return { ok: true, value: index };
  }

  snapshot(): Iterator<Uint8Array, void> {
    return [new TextEncoder().encode(JSON.stringify(this.effects))].values();
  }

  restore(): MachineRestore {
    let text = '';
    return {
      chunk: (bytes) => {
        text += new TextDecoder().decode(bytes);
      },
      finish: () => {
        this.effects = JSON.parse(text) as Effect[];
      },
    };
  }

  hash(): number {
    return this.effects.reduce((sum, { index, term }) => (sum * 31 + index + term) % 2 ** 40, 7);
  }
}

/** What clients were told, by what they asked for. */
export class Told {
  readonly answers = new Map<string, number>();
  readonly fenced = new Map<string, number>();
  /** The sequence that each client is at, until that is answered. */
  readonly sequences = new Map<number, number>();
  repeated = 0;
  refused = 0;
}

/** Clients and the check of what came of their commands. */
export function ledgerSubject(told: Told): Subject<Group<Ledger>> {
  const inSession = async (group: Group<Ledger>, client: number): Promise<void> => {
    const sequence = told.sequences.get(client) ?? 1;
    const what = `${client}/${sequence}`;
    const session = { client: `client ${client}`, sequence };
    const command = new TextEncoder().encode(what);
    for (let attempt = 0; ; attempt++) {
      if (attempt > 0) told.repeated++;
      try {
        const answer = (await group.propose(command, { session, timeoutMs: 400 })) as number;
        told.answers.set(what, answer);
        told.sequences.set(client, sequence + 1);
        return;
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
        // The process ends: with it the client, whose last command may or may not have taken effect.
        if (attempt === 20 || !error.maybeApplied) throw error;
      }
    }
  };
  const asLeader = async (group: Group<Ledger>, what: string): Promise<void> => {
    const { isLeader, term } = group.leadership;
    if (!isLeader) return;
    const command = new TextEncoder().encode(`${what} ${term}`);
    try {
      const options = { requiredTerm: term, timeoutMs: 3_000 };
      told.fenced.set(what, (await group.propose(command, options)) as number);
    } catch (error) {
      told.refused++;
      throw error;
    }
  };
  let next = 1;
  return {
    application: {
      group: 'ledger',
      open: (member, options) => member.group('ledger', new Ledger(), options),
      step: (group, { client, random }) =>
        random.below(3) === 0 ? asLeader(group, `led/${next++}`) : inSession(group, client),
    },
    fresh: () => new Ledger(),
    check: (group) => {
      const { effects } = group.machine;
      const byWhat = new Map<string, Effect>();
      for (const effect of effects) {
        const first = byWhat.get(effect.what);
        if (first !== undefined) {
          return `${effect.what} took effect at ${first.index} and at ${effect.index}`;
        }
        byWhat.set(effect.what, effect);
        if (effect.required !== 0 && effect.required !== effect.term) {
          return `a write fenced by term ${effect.required} landed in ${effect.term}`;
        }
      }
      for (const [what, index] of [...told.answers, ...told.fenced]) {
        if (byWhat.get(what)?.index !== index) {
          return `${what} was answered with ${index}, which is not where it took effect`;
        }
      }
      return undefined;
    },
  };
}
