/**
 * Runs the scripts about majorities: `committed` and `vote`.
 *
 * `cfg=` and `cfgj=` are the two halves of the voters. The values of `idx=` and `votes=` belong to
 * the voters in the order in which they appear there, each named once; `_` is no news at all,
 * which is not 0. `cfgj=zero` asks for a joint decision with an empty half. Beside what it is asked,
 * each command checks a few laws that hold for every input, and prints what breaks them.
 */
import type { MemberId } from '../../src/raft/entry.ts';
import {
  jointCommitted,
  jointVote,
  majorityCommitted,
  majorityVote,
} from '../../src/raft/quorum.ts';
import { CommandError, wholeNumber } from './arguments.ts';
import type { Directive } from './script.ts';

interface Question {
  readonly voters: readonly MemberId[];
  /** Undefined where no joint decision is asked for. */
  readonly others: readonly MemberId[] | undefined;
  /** All voters, each once, in ascending order. */
  readonly all: readonly MemberId[];
  /** What was given for each voter; a voter with `_` is absent. */
  readonly given: ReadonlyMap<MemberId, number>;
}

const YES = 2;
const NO = 1;
const ABSENT = 0;

export function runQuorum(directive: Directive): string {
  const question = readQuestion(directive);
  if (typeof question === 'string') return question;
  if (directive.name === 'committed') return committed(question);
  if (directive.name === 'vote') return vote(question);
  throw new CommandError(`unknown command: ${directive.name}`);
}

/** The question, or the complaint that there are not as many values as voters. */
function readQuestion(directive: Directive): Question | string {
  const voters: MemberId[] = [];
  const others: MemberId[] = [];
  let joint = false;
  const indexes: number[] = [];
  const votes: number[] = [];
  for (const { key, values } of directive.arguments) {
    for (const value of values.map((text) => text.trim())) {
      if (key === 'cfg') voters.push(wholeNumber(value));
      else if (key === 'cfgj') {
        joint = true;
        if (value !== 'zero') others.push(wholeNumber(value));
        else if (values.length > 1) throw new CommandError("'zero' stands alone");
      } else if (key === 'idx') indexes.push(readIndex(value));
      else if (key === 'votes') votes.push(readVote(value));
      else throw new CommandError(`unknown argument ${key}`);
    }
  }
  const named = [...new Set([...voters, ...others])];
  const values = directive.name === 'vote' ? votes : indexes;
  const all = ascending(named);
  if (values.length !== named.length) {
    const set = all.map((voter) => `${voter}:{}`).join(' ');
    return `error: mismatched input (explicit or _) for voters map[${set}]: [${values.join(' ')}]`;
  }
  const given = new Map<MemberId, number>();
  named.forEach((voter, i) => {
    if (values[i] !== ABSENT) given.set(voter, values[i]!);
  });
  return {
    voters: ascending(voters),
    others: joint ? ascending(others) : undefined,
    all,
    given,
  };
}

function readIndex(text: string): number {
  if (text === '_') return ABSENT;
  const index = wholeNumber(text);
  if (index === ABSENT) throw new CommandError('0 cannot be given as an index');
  return index;
}

const valueOfVote: ReadonlyMap<string, number> = new Map([
  ['y', YES],
  ['n', NO],
  ['_', ABSENT],
]);

function readVote(text: string): number {
  const value = valueOfVote.get(text);
  if (value === undefined) throw new CommandError(`unknown vote: ${text}`);
  return value;
}

function ascending(members: readonly MemberId[]): MemberId[] {
  return [...new Set(members)].sort((a, b) => a - b);
}

function committed({ voters, others, all, given }: Question): string {
  const indexOf = (voter: MemberId): number | undefined => given.get(voter);
  let text = describe(all, given);
  let index: number;
  const law = (name: string, value: number): void => {
    if (value !== index) text += `${formatIndex(value)} <-- ${name}\n`;
  };
  if (others === undefined) {
    index = majorityCommitted(voters, indexOf);
    law('via alternative computation', committedByCounting(voters, given));
    law('via zero-joint quorum', jointCommitted(voters, [], indexOf));
    law('via self-joint quorum', jointCommitted(voters, voters, indexOf));
    for (const voter of voters) {
      // Who is below the committed index already cannot pull it down by falling further behind.
      const reached = given.get(voter) ?? 0;
      if (reached === 0 || reached >= index) continue;
      for (const lower of [reached - 1, 0]) {
        const lowered = new Map(given).set(voter, lower);
        law(
          `overlaying ${voter}->${lower}`,
          majorityCommitted(voters, (member) => lowered.get(member)),
        );
      }
    }
  } else {
    index = jointCommitted(voters, others, indexOf);
    law('via symmetry', jointCommitted(others, voters, indexOf));
  }
  return `${text}${formatIndex(index)}\n`;
}

/** The largest given index that a majority has reached, by trying each. */
function committedByCounting(
  voters: readonly MemberId[],
  given: ReadonlyMap<MemberId, number>,
): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (const candidate of given.values()) {
    const reached = voters.filter((voter) => (given.get(voter) ?? 0) >= candidate).length;
    if (2 * reached > voters.length) largest = Math.max(largest, candidate);
  }
  return largest;
}

/** A chart: each voter's index, with a bar as long as there are voters below it. */
function describe(voters: readonly MemberId[], given: ReadonlyMap<MemberId, number>): string {
  if (voters.length === 0) return '<empty majority quorum>';
  const width = voters.length;
  let text = `${' '.repeat(width)}    idx\n`;
  for (const voter of voters) {
    const index = given.get(voter);
    const below = voters.filter((other) => (given.get(other) ?? 0) < (index ?? 0)).length;
    const bar = index === undefined ? '?' : `${'x'.repeat(below)}>`;
    text += `${bar.padEnd(width + 1)} ${String(index ?? 0).padStart(5)}    (id=${voter})\n`;
  }
  return text;
}

function formatIndex(index: number): string {
  return index === Number.POSITIVE_INFINITY ? '∞' : String(index);
}

const nameOfResult = { won: 'VoteWon', lost: 'VoteLost', pending: 'VotePending' } as const;

function vote({ voters, others, given }: Question): string {
  const voteOf = (voter: MemberId): boolean | undefined => {
    const value = given.get(voter);
    return value === undefined ? undefined : value === YES;
  };
  if (others === undefined) return `${nameOfResult[majorityVote(voters, voteOf)]}\n`;
  const result = nameOfResult[jointVote(voters, others, voteOf)];
  const mirrored = nameOfResult[jointVote(others, voters, voteOf)];
  const broken = mirrored === result ? '' : `${mirrored} <-- via symmetry\n`;
  return `${broken}${result}\n`;
}
