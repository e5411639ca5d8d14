/**
 * Bugs that are planted into what was built, one at a time, to see that the simulator finds them.
 * Production code has no switches for them: a loader replaces one place of one module's text, which
 * must stand there exactly once, as a program of its own is loaded.
 */
import type { FaultKind, PlanWishes } from '../../src/sim/run/plan.ts';

/** A bug, and how to plant it. */
export interface PlantedBug {
  readonly name: string;
  /** Below src/, without its ending. */
  readonly module: string;
  /** In the JavaScript that is built. */
  readonly find: string;
  readonly replace: string;
  /** Seeds are counted from here: the first one that is known to find it; 1 by default. */
  readonly firstSeed?: number;
  /** Within how many seeds it must be found. */
  readonly seedsMax: number;
  /** What runs: registers, or commands in sessions. */
  readonly subject?: 'registers' | 'sessions';
  /** What else is wished of the runs, beside the usual. */
  readonly wishes?: Omit<PlanWishes, 'faults'>;
  /** Faults that it takes; all by default. */
  readonly faults?: readonly FaultKind[];
}

const power: readonly FaultKind[] = ['power-cut', 'crash', 'crash-at-step', 'partition'];
const network: readonly FaultKind[] = ['isolate-leader', 'partition', 'bad-network', 'crash'];
const elections: readonly FaultKind[] = ['crash', 'isolate-leader', 'pause', 'partition', 'clog'];

/** All of them. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'skip the fsync of the log',
    module: 'engine/log/batch-assembly',
    find: 'position, buffers, sync: true }',
    replace: 'position, buffers, sync: false }',
    seedsMax: 20,
    faults: power,
  },
  {
    name: 'skip the fsync of votes',
    module: 'engine/log/vote-file',
    find: 'position, buffers, sync: true }',
    replace: 'position, buffers, sync: false }',
    seedsMax: 30,
    faults: power,
  },
  {
    name: 'forget to persist the vote',
    module: 'engine/log/member-log',
    find: 'const { entries, hardState, snapshot } = write;',
    replace:
      'if (write.hardState) write = { ...write, hardState: { ...write.hardState, vote: 0 } };\n' +
      'const { entries, hardState, snapshot } = write;',
    seedsMax: 40,
    faults: ['crash', 'crash-again', 'power-cut', 'transfer'],
  },
  {
    name: 'acknowledge before the disk has it',
    module: 'raft/core',
    find: 'this.messagesAfterAppend.push(this.#marked(message));',
    replace: 'this.messages.push(this.#marked(message));',
    seedsMax: 30,
    faults: power,
  },
  {
    name: 'commit an entry of an old term',
    module: 'raft/leader-log',
    find: ' || log.term(index) !== core.term',
    replace: '',
    seedsMax: 60,
    faults: elections,
  },
  {
    name: 'commit with a minority',
    module: 'raft/quorum',
    find: 'return sorted[count - majority(count)];',
    replace: 'return sorted[count - 1];',
    seedsMax: 10,
    faults: elections,
  },
  {
    name: 'win with half of the votes',
    module: 'raft/quorum',
    find: 'const needed = majority(voters.length);',
    replace: 'const needed = Math.floor(voters.length / 2);',
    seedsMax: 20,
    faults: elections,
  },
  {
    name: 'vote twice in a term',
    module: 'raft/election',
    find: 'const granted = free && upToDate',
    replace: 'const granted = upToDate',
    firstSeed: 16,
    seedsMax: 40,
    faults: elections,
  },
  {
    name: 'vote for a log that lacks entries',
    module: 'raft/election',
    find: 'const granted = free && upToDate && trusted',
    replace: 'const granted = free && trusted',
    seedsMax: 30,
    faults: elections,
  },
  {
    name: 'take an append whatever stands before it',
    module: 'raft/log',
    find: 'if (!this.matches(previous))',
    replace: 'if (false)',
    seedsMax: 10,
    faults: ['crash', 'isolate-leader', 'pause'],
  },
  {
    name: 'keep entries that a later leader has overwritten',
    module: 'raft/log',
    find: 'if (known !== -1)',
    replace: 'if (known !== -1 && entries[known].index > this.lastIndex())',
    seedsMax: 10,
    faults: ['isolate-leader'],
  },
  {
    name: 'apply what is not committed',
    module: 'raft/log',
    find: 'return unstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1);',
    replace: 'return this.unstable.offset - 1;',
    seedsMax: 5,
  },
  {
    name: 'apply an entry again that the snapshot holds',
    module: 'engine/snapshot-work',
    find: 'then(failed ?? { term, index })',
    replace: 'then(failed ?? { term, index: index - 1 })',
    firstSeed: 3,
    seedsMax: 10,
    faults: ['crash', 'power-cut'],
    wishes: { clientsPerMember: 3, thinkMs: 10 },
  },
  {
    name: 'tell followers to commit what they may not have',
    module: 'raft/sending',
    find: 'const commit = Math.min(to.match, core.log.committed);',
    replace: 'const commit = core.log.committed;',
    firstSeed: 2,
    seedsMax: 20,
    faults: network,
  },
  {
    name: 'read without asking the majority',
    module: 'raft/reads',
    find: 'if (core.isOnlyVoter ||',
    replace: 'if (core.isOnlyVoter || true ||',
    seedsMax: 30,
    faults: ['isolate-leader', 'partition'],
  },
  {
    name: 'read before an entry of the term is committed',
    module: 'raft/reads',
    find: 'if (core.committedInTerm)',
    replace: 'if (core.log.committed > 0)',
    firstSeed: 2,
    seedsMax: 60,
    faults: elections,
  },
  {
    name: 'reuse a read-index id',
    module: 'raft/reads',
    find: 'const readId = reads.nextReadId++;',
    replace: 'const readId = 7;',
    seedsMax: 40,
    faults: ['clog'],
    wishes: { members: 3, clientsPerMember: 6, thinkMs: 15 },
  },
  {
    name: 'answer a read before the state has come that far',
    module: 'engine/reads',
    find: 'if (index === undefined || index > applied)',
    replace: 'if (index === undefined)',
    firstSeed: 5,
    seedsMax: 20,
    faults: network,
  },
  {
    name: 'apply a command twice',
    module: 'engine/replica',
    find: 'const outcome = this.state.apply(this.machine, envelope, index, term);',
    replace:
      'if (index % 20 === 0) this.state.apply(this.machine, envelope, index, term);\n' +
      'const outcome = this.state.apply(this.machine, envelope, index, term);',
    seedsMax: 5,
  },
  {
    name: 'skip a command',
    module: 'engine/replica',
    find: 'const envelope = unwrap(data);',
    replace:
      'if (index % 40 === 0 && this.role !== "leader") return;\nconst envelope = unwrap(data);',
    seedsMax: 5,
  },
  {
    name: 'use a vote that is no longer free after a restart',
    module: 'raft/core',
    find: 'this.vote = hardState.vote;',
    replace: '',
    seedsMax: 40,
    faults: ['crash', 'crash-again', 'power-cut', 'transfer'],
  },
  {
    name: 'go back a term after a restart',
    module: 'raft/core',
    find: 'this.term = hardState.term;',
    replace: 'this.term = Math.max(0, hardState.term - 1);',
    seedsMax: 20,
    faults: ['crash', 'power-cut'],
  },
  {
    name: 'name an index too early for a read',
    module: 'raft/reads',
    find: 'index: log.committed, requests: [request]',
    replace: 'index: log.committed - 1, requests: [request]',
    seedsMax: 10,
  },
  {
    name: 'count a learner',
    module: 'raft/leader-log',
    find: 'jointCommitted(voters, votersOutgoing, (voter) => membership.progress.get(voter)?.countedMatch)',
    replace:
      'jointCommitted(voters, votersOutgoing, (voter) => Math.max(...[voter, ' +
      '...membership.configuration.learners].map((each) => membership.progress.get(each)?.match ?? 0)))',
    seedsMax: 20,
    faults: ['join', 'replace', 'slow-disk', 'bad-network'],
  },
  {
    name: 'let a repetition take effect again',
    module: 'engine/group-state',
    find: 'const known = this.sessions.look(session);',
    replace: "const known = { type: 'new' };",
    seedsMax: 10,
    subject: 'sessions',
    faults: network,
    wishes: { clientsPerMember: 3, thinkMs: 20 },
  },
  {
    name: 'leave sessions out of snapshots',
    module: 'engine/sessions',
    find: 'return parts([...this.#sessions.values()], [...this.#forgotten]);',
    replace: 'return parts([], []);',
    firstSeed: 3,
    seedsMax: 10,
    subject: 'sessions',
    faults: ['crash', 'power-cut'],
    wishes: { clientsPerMember: 3, thinkMs: 10 },
  },
];
