/**
 * Bugs that are planted into what was built, one at a time, to see that the simulator finds them.
 * Production code has no switches for them: a loader replaces one place of one module's text, which
 * must stand there exactly once, as a program of its own is loaded.
 */
import type { FaultKind } from '../../src/sim/run/plan.ts';
import type { PlantedBug } from './planted-bug.ts';
import { storageBugs } from './storage-bugs.ts';

const power: readonly FaultKind[] = ['power-cut', 'crash', 'crash-at-step', 'partition'];
const network: readonly FaultKind[] = ['isolate-leader', 'partition', 'bad-network', 'crash'];
const elections: readonly FaultKind[] = ['crash', 'isolate-leader', 'pause', 'partition', 'clog'];

const others: readonly PlantedBug[] = [
  {
    name: 'skip the fsync of the log',
    plants: [
      {
        module: 'engine/log/batch-assembly',
        find: 'position, buffers, sync: true }',
        replace: 'position, buffers, sync: false }',
      },
    ],
    seedsMax: 20,
    faults: power,
  },
  {
    name: 'skip the fsync of votes',
    plants: [
      {
        module: 'engine/log/vote-file',
        find: 'position, buffers, sync: true }',
        replace: 'position, buffers, sync: false }',
      },
    ],
    seedsMax: 30,
    faults: power,
  },
  {
    name: 'forget to persist the vote',
    plants: [
      {
        module: 'engine/log/member-log',
        find: 'const { entries, hardState, snapshot } = write;',
        replace:
          'if (write.hardState) write = { ...write, hardState: { ...write.hardState, vote: 0 } };\n' +
          'const { entries, hardState, snapshot } = write;',
      },
    ],
    seedsMax: 40,
    faults: ['crash', 'crash-again', 'power-cut', 'transfer'],
  },
  {
    name: 'acknowledge before the disk has it',
    plants: [
      {
        module: 'raft/core',
        find: 'this.messagesAfterAppend.push(this.#marked(message));',
        replace: 'this.messages.push(this.#marked(message));',
      },
    ],
    seedsMax: 30,
    faults: power,
  },
  {
    name: 'commit an entry of an old term',
    plants: [{ module: 'raft/leader-log', find: ' || log.term(index) !== core.term', replace: '' }],
    seedsMax: 60,
    faults: elections,
  },
  {
    name: 'commit with a minority',
    plants: [
      {
        module: 'raft/quorum',
        find: 'return sorted[count - majority(count)];',
        replace: 'return sorted[count - 1];',
      },
    ],
    seedsMax: 10,
    faults: elections,
  },
  {
    name: 'win with half of the votes',
    plants: [
      {
        module: 'raft/quorum',
        find: 'const needed = majority(voters.length);',
        replace: 'const needed = Math.floor(voters.length / 2);',
      },
    ],
    seedsMax: 20,
    faults: elections,
  },
  {
    name: 'vote twice in a term',
    plants: [
      {
        module: 'raft/election',
        find: 'const granted = free && upToDate',
        replace: 'const granted = upToDate',
      },
    ],
    firstSeed: 16,
    seedsMax: 40,
    faults: elections,
  },
  {
    name: 'vote for a log that lacks entries',
    plants: [
      {
        module: 'raft/election',
        find: 'const granted = free && upToDate && trusted',
        replace: 'const granted = free && trusted',
      },
    ],
    seedsMax: 30,
    faults: elections,
  },
  {
    name: 'take an append whatever stands before it',
    plants: [{ module: 'raft/log', find: 'if (!this.matches(previous))', replace: 'if (false)' }],
    seedsMax: 10,
    faults: ['crash', 'isolate-leader', 'pause'],
  },
  {
    name: 'keep entries that a later leader has overwritten',
    plants: [
      {
        module: 'raft/log',
        find: 'if (known !== -1)',
        replace: 'if (known !== -1 && entries[known].index > this.lastIndex())',
      },
    ],
    seedsMax: 10,
    faults: ['isolate-leader'],
  },
  {
    name: 'apply what is not committed',
    plants: [
      {
        module: 'raft/log',
        find: 'return unstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1);',
        replace: 'return this.unstable.offset - 1;',
      },
    ],
    seedsMax: 5,
  },
  {
    name: 'apply an entry again that the snapshot holds',
    plants: [
      {
        module: 'engine/snapshot-work',
        find: 'then(failed ?? { term, index })',
        replace: 'then(failed ?? { term, index: index - 1 })',
      },
    ],
    firstSeed: 3,
    seedsMax: 10,
    faults: ['crash', 'power-cut'],
    wishes: { clientsPerMember: 3, thinkMs: 10 },
  },
  {
    name: 'tell followers to commit what they may not have',
    plants: [
      {
        module: 'raft/sending',
        find: 'const commit = Math.min(to.match, core.log.committed);',
        replace: 'const commit = core.log.committed;',
      },
    ],
    firstSeed: 2,
    seedsMax: 20,
    faults: network,
  },
  {
    name: 'read without asking the majority',
    plants: [
      {
        module: 'raft/reads',
        find: 'if (core.isOnlyVoter ||',
        replace: 'if (core.isOnlyVoter || true ||',
      },
    ],
    seedsMax: 30,
    faults: ['isolate-leader', 'pause', 'clock'],
    wishes: { clientsPerMember: 3, thinkMs: 10 },
  },
  {
    name: 'read before an entry of the term is committed',
    plants: [
      {
        module: 'raft/reads',
        find: 'if (core.committedInTerm)',
        replace: 'if (core.log.committed > 0)',
      },
    ],
    firstSeed: 2,
    seedsMax: 60,
    faults: elections,
  },
  {
    name: 'reuse a read-index id',
    plants: [
      {
        module: 'raft/reads',
        find: 'const readId = reads.nextReadId++;',
        replace: 'const readId = 7;',
      },
    ],
    seedsMax: 40,
    faults: ['clog'],
    wishes: { members: 3, clientsPerMember: 6, thinkMs: 15 },
  },
  {
    name: 'answer a read before the state has come that far',
    plants: [
      {
        module: 'engine/reads',
        find: 'if (index === undefined || index > applied)',
        replace: 'if (index === undefined)',
      },
    ],
    firstSeed: 5,
    seedsMax: 20,
    faults: network,
  },
  {
    name: 'apply a command twice',
    plants: [
      {
        module: 'engine/replica',
        find: 'const outcome = this.state.apply(this.machine, envelope, index, term);',
        replace:
          'if (index % 20 === 0) this.state.apply(this.machine, envelope, index, term);\n' +
          'const outcome = this.state.apply(this.machine, envelope, index, term);',
      },
    ],
    seedsMax: 5,
  },
  {
    name: 'skip a command',
    plants: [
      {
        module: 'engine/replica',
        find: 'const envelope = unwrap(data);',
        replace:
          'if (index % 40 === 0 && this.role !== "leader") return;\nconst envelope = unwrap(data);',
      },
    ],
    seedsMax: 5,
  },
  {
    name: 'use a vote that is no longer free after a restart',
    plants: [{ module: 'raft/core', find: 'this.vote = hardState.vote;', replace: '' }],
    seedsMax: 40,
    faults: ['crash', 'crash-again', 'power-cut', 'transfer'],
  },
  {
    name: 'go back a term after a restart',
    plants: [
      {
        module: 'raft/core',
        find: 'this.term = hardState.term;',
        replace: 'this.term = Math.max(0, hardState.term - 1);',
      },
    ],
    seedsMax: 20,
    faults: ['crash', 'power-cut'],
  },
  {
    name: 'name an index too early for a read',
    plants: [
      {
        module: 'raft/reads',
        find: 'index: log.committed, requests: [request]',
        replace: 'index: log.committed - 1, requests: [request]',
      },
    ],
    seedsMax: 10,
  },
  {
    name: 'count a learner',
    plants: [
      {
        module: 'raft/leader-log',
        find: 'jointCommitted(voters, votersOutgoing, (voter) => membership.progress.get(voter)?.countedMatch)',
        replace:
          'jointCommitted(voters, votersOutgoing, (voter) => Math.max(...[voter, ' +
          '...membership.configuration.learners].map((each) => membership.progress.get(each)?.match ?? 0)))',
      },
    ],
    seedsMax: 20,
    faults: ['join', 'replace', 'slow-disk', 'bad-network'],
  },
  {
    name: 'let a repetition take effect again',
    plants: [
      {
        module: 'engine/group-state',
        find: 'const known = this.sessions.look(session);',
        replace: "const known = { type: 'new' };",
      },
    ],
    seedsMax: 10,
    subject: 'sessions',
    faults: network,
    wishes: { clientsPerMember: 3, thinkMs: 20 },
  },
  {
    name: 'leave sessions out of snapshots',
    plants: [
      {
        module: 'engine/sessions',
        find: 'return parts([...this.#sessions.values()], [...this.#forgotten]);',
        replace: 'return parts([], []);',
      },
    ],
    firstSeed: 3,
    seedsMax: 10,
    subject: 'sessions',
    faults: ['crash', 'power-cut'],
    wishes: { clientsPerMember: 3, thinkMs: 10 },
  },
  {
    name: 'truncate committed entries when an old append comes again',
    plants: [
      { module: 'raft/appends', find: 'if (previousIndex < log.committed)', replace: 'if (false)' },
      {
        module: 'raft/log',
        find: 'const known = entries.findIndex((entry) => !this.matches(entry));',
        replace: 'const known = entries.length === 0 ? -1 : 0;',
      },
      {
        module: 'raft/log',
        find: 'assert(from > this.committed,',
        replace: '(() => {})(from > this.committed,',
      },
    ],
    firstSeed: 25,
    seedsMax: 20,
    faults: network,
  },
  {
    name: 'read on the strength of the last round of heartbeats',
    plants: [
      {
        module: 'raft/reads',
        find: 'if (core.isOnlyVoter ||',
        replace:
          'if (core.isOnlyVoter || core.electionElapsedTicks < core.settings.electionTicks ||',
      },
    ],
    firstSeed: 9,
    seedsMax: 20,
    faults: ['isolate-leader', 'pause', 'clock'],
    wishes: { clientsPerMember: 3, thinkMs: 10 },
  },
];

/** All of them. */
export const plantedBugs: readonly PlantedBug[] = [...others, ...storageBugs];
