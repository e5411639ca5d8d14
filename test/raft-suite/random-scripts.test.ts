/**
 * Runs random scripts and checks what must hold whatever happens: one leader a term (§5.2), the same
 * state at the same applied index on every member (state machine safety, §5.4), no assertion of
 * the core or of the harness fails; and once all run and hear each other again, everybody in the
 * configuration ends up with the same state. A failing script is cut down to what is needed.
 */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import { CommandError } from './arguments.ts';
import type { Environment } from './environment.ts';
import { InteractionScript } from './interaction.ts';
import { quote } from './quote.ts';
import { randomCluster, randomCommand, randomOptions } from './random-script.ts';
import { parseCommand } from './script.ts';

const SCRIPTS = 120;
const COMMANDS = 150;
const ROUNDS_TO_HEAL = 60;

class Run {
  readonly #script = new InteractionScript();
  readonly #stateAt = new Map<number, string>();
  readonly #leaderOf = new Map<number, number>();

  get environment(): Environment {
    return this.#script.environment;
  }

  /** Runs a command, whose input may stand below it, and checks. */
  do(text: string): void {
    const [line, ...input] = text.split('\n');
    const command = parseCommand(line!, 1);
    this.#script.run({ ...command, line: 1, input: input.join('\n'), expected: undefined });
    for (const member of this.environment.members) {
      const { index, data } = member.state;
      const state = quote(data);
      const known = this.#stateAt.get(index) ?? state;
      if (known !== state) throw new Error(`at index ${index}: ${known} and ${state}`);
      this.#stateAt.set(index, state);
      if (member.down) continue;
      const { role, term } = member.raft.status();
      if (role !== 'leader') continue;
      const leader = this.#leaderOf.get(term) ?? member.id;
      if (leader !== member.id)
        throw new Error(`term ${term} is led by ${leader} and ${member.id}`);
      this.#leaderOf.set(term, member.id);
    }
  }

  /** Everybody runs and hears everybody, until all have the same. */
  heal(): void {
    for (const { id, down } of this.environment.members) if (down) this.do(`restart ${id}`);
    for (let round = 0; round < ROUNDS_TO_HEAL; round++) {
      this.do('stabilize log-level=none');
      if (this.#settled()) return;
      for (const { id } of this.environment.members) {
        this.do(`wake ${id}`);
        for (const { member, state } of this.environment.member(id).raft.status().progress) {
          // What was lost of a snapshot only the host can know.
          if (state === 'snapshot') this.do(`report-snapshot ${id} ${member} failed=true`);
        }
        this.do(`tick-heartbeat ${id}`);
      }
    }
    throw new Error('the cluster does not come to rest');
  }

  #settled(): boolean {
    const leaders = this.environment.members.filter(
      ({ raft }) => raft.status().role === 'leader' && raft.status().transferTarget === 0,
    );
    return leaders.some(({ raft }) => {
      const { lastIndex, commit, configuration } = raft.status();
      const { voters, votersOutgoing, learners } = configuration;
      const all = [...voters, ...votersOutgoing, ...learners];
      return (
        commit === lastIndex &&
        all.every((id) => this.environment.member(id).state.index === lastIndex)
      );
    });
  }
}

/** Runs commands again; what makes no sense any more, with others left out, is left out too. */
function failureOf(commands: readonly string[]): string | undefined {
  const run = new Run();
  try {
    for (const command of commands) {
      try {
        run.do(command);
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
      }
    }
    run.heal();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Leaves out what the same failure comes without. */
function shrink(commands: readonly string[], failure: string): readonly string[] {
  let kept = commands;
  for (let size = kept.length >> 1; size >= 1; size >>= 1) {
    for (let at = kept.length - size; at >= 1; at -= size) {
      const fewer = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (failureOf(fewer)?.slice(0, 20) === failure.slice(0, 20)) kept = fewer;
    }
  }
  return kept;
}

function check(seed: number): void {
  const random = new SeededRandom(seed);
  const run = new Run();
  const options = randomOptions(random);
  const commands = [randomCluster(random, options)];
  try {
    run.do(commands[0]!);
    for (let i = 0; i < COMMANDS; i++) {
      commands.push(randomCommand(random, { environment: run.environment, options, fresh: i }));
      run.do(commands.at(-1)!);
    }
    run.heal();
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    expect.fail(`seed ${seed}: ${failure}\n\n${shrink(commands, failure).join('\n----\n\n')}`);
  }
}

describe('random scripts', () => {
  for (let first = 0; first < SCRIPTS; first += 20) {
    it(`seeds ${first} … ${first + 19}`, () => {
      for (let seed = first; seed < first + 20; seed++) check(seed);
    });
  }
});
