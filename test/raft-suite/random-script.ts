/**
 * Random scripts: a cluster in which nothing is forbidden that a host, a network or a disk may do.
 *
 * The generator looks at the cluster that it drives, so that what it asks for makes sense: it
 * compacts only what is applied, and changes the configuration only to members that exist. What it
 * wrote is a script like any other, and runs again without it.
 */
import type { Random } from '../../src/ports/random.ts';
import type { Environment } from './environment.ts';
import type { Member } from './member.ts';

const INITIAL_INDEX = 10;
const MEMBERS_MAX = 7;

/** Picks one of them. */
function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[random.below(items.length)]!;
}

/** Options that some clusters have. All members of a cluster have the same. */
export function randomOptions(random: Random): string {
  const drawn = [
    'async-storage-writes=true',
    'prevote=true',
    'checkquorum=true',
    'step-down-on-removal=true',
    'max-committed-size-per-ready=1',
    'inflight=2',
    'inflight-bytes=8',
    'quiesce-after=2',
  ].filter(() => random.below(3) === 0);
  return drawn.join(' ');
}

/** The first command: a cluster of one to five voters and perhaps a learner. */
export function randomCluster(random: Random, options: string): string {
  const voters = Array.from({ length: 1 + random.below(5) }, (_, i) => i + 1);
  const learners = random.below(3) === 0 ? [voters.length + 1] : [];
  const count = voters.length + learners.length;
  const words = [`add-nodes ${count} voters=(${voters.join(',')}) index=${INITIAL_INDEX}`];
  if (learners.length > 0) words.push(`learners=(${learners.join(',')})`);
  words.push(options);
  return words.join(' ').trim();
}

/** A kind of command and how often it is drawn; undefined where it makes no sense now. */
type Choice = readonly [weight: number, command: (context: Context) => string | undefined];

/** What a script has so far. */
export interface Progress {
  readonly environment: Environment;
  readonly options: string;
  /** A number that was not used before. */
  readonly fresh: number;
}

interface Context extends Progress {
  readonly random: Random;
  /** A member that runs. */
  readonly member: Member;
  readonly other: number;
}

const choices: readonly Choice[] = [
  [10, ({ member }) => `process-ready ${member.id}`],
  [6, ({ member }) => `process-append-thread ${member.id}`],
  [5, ({ member }) => `process-apply-thread ${member.id}`],
  [12, ({ member }) => `deliver-msgs ${member.id}`],
  [5, ({ member, other }) => `deliver-msgs ${member.id} from=${other}`],
  [3, ({ other }) => `deliver-msgs drop=${other}`],
  [2, duplicate],
  [6, ({ member, other }) => `stabilize ${member.id} ${other === member.id ? '' : other}`],
  [2, () => 'stabilize'],
  [5, ({ member }) => `tick-heartbeat ${member.id}`],
  [3, ({ member }) => `tick-election ${member.id}`],
  [2, ({ member }) => `campaign ${member.id}`],
  [8, ({ member, fresh }) => `propose ${member.id} p${fresh}`],
  [3, ({ member, fresh }) => `read ${member.id} ${fresh}`],
  [2, change],
  [1, ({ member, other }) => `transfer-leadership from=${member.id} to=${other}`],
  [1, ({ member }) => `forget-leader ${member.id}`],
  [1, ({ member, other }) => `report-unreachable ${member.id} ${other}`],
  [1, ({ member, other }) => `report-snapshot ${member.id} ${other} failed=${member.id % 2 === 0}`],
  [2, compact],
  [1, ({ member }) => `wake ${member.id}`],
  [1, ({ member }) => `crash ${member.id} unsynced=lost`],
  [1, crashWithLaggingState],
  [1, crashInReady],
  [6, restart],
  [1, addMember],
];

const weights = choices.reduce((sum, [weight]) => sum + weight, 0);

/** A command that can be run now. */
export function randomCommand(random: Random, progress: Progress): string {
  const { environment } = progress;
  for (;;) {
    const running = environment.members.filter((member) => !member.down);
    if (running.length === 0) return `restart ${pick(random, environment.members).id}`;
    const member = pick(random, running);
    const other = pick(random, environment.members).id;
    let drawn = random.below(weights);
    for (const [weight, command] of choices) {
      drawn -= weight;
      if (drawn >= 0) continue;
      const text = command({ ...progress, random, member, other });
      if (text !== undefined) return text.trim();
      break;
    }
  }
}

function duplicate({ environment, member, other }: Context): string | undefined {
  const waiting = environment.network.peek({ to: member.id, from: String(other) }).length > 0;
  return waiting ? `duplicate-msgs ${member.id} from=${other}` : undefined;
}

function change({ random, environment, member }: Context): string {
  const steps = Array.from({ length: random.below(4) }, () => {
    const target = pick(random, environment.members).id;
    return `${pick(random, ['v', 'v', 'l', 'r'])}${target}`;
  });
  const transition = pick(random, ['auto', 'implicit', 'explicit']);
  return `propose-conf-change ${member.id} transition=${transition}\n${steps.join(' ')}`;
}

function compact({ random, member }: Context): string | undefined {
  const first = member.storage.firstIndex();
  const last = Math.min(member.state.index, member.raft.status().applied);
  return last < first
    ? undefined
    : `compact ${member.id} ${first + random.below(last - first + 1)}`;
}

function crashWithLaggingState({ random, member }: Context): string | undefined {
  const first = member.storage.firstIndex() - 1;
  const applied = first + random.below(Math.max(1, member.state.index - first + 1));
  return `crash ${member.id} applied=${applied}`;
}

function crashInReady({ random, member }: Context): string | undefined {
  if (!member.raft.hasReady()) return undefined;
  const before = pick(random, ['persist', 'send', 'apply', 'advance']);
  return `crash-in-ready ${member.id} before=${before} unsynced=${pick(random, ['kept', 'lost'])}`;
}

function restart({ random, environment }: Context): string | undefined {
  const down = environment.members.filter((member) => member.down);
  return down.length === 0 ? undefined : `restart ${pick(random, down).id}`;
}

function addMember({ environment, options }: Context): string | undefined {
  return environment.members.length < MEMBERS_MAX ? `add-nodes 1 ${options}` : undefined;
}
