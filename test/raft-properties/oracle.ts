/**
 * What must hold at every event, told by somebody who sees all members at once. The numbers are
 * those of the properties that the group promises:
 *
 * 1. At most one leader a term; term and vote never go back, not across a restart either.
 * 2. Log matching; a leader never rewrites its own log; what a log says does not depend on how far
 *    the disk is.
 * 3. A committed entry never changes and is durable on a quorum of voters when a leader commits
 *    it; every new leader holds all of them and was elected by durable votes of a quorum.
 * 4. The same applied index means the same state and the same configuration.
 * 5. Applied ≤ committed, and neither goes back while a process runs.
 * 7. Quorums of consecutive configurations intersect; one change is in flight; learners never
 *    count; nobody campaigns with a committed configuration unapplied.
 * And reads: none is answered with less than was committed anywhere when it began.
 */
import type { ConfigurationState } from '../../src/raft/configuration.ts';
import type { Entry, MemberId } from '../../src/raft/entry.ts';
import type { Raft } from '../../src/raft/raft.ts';
import type { ReadState } from '../../src/raft/ready.ts';
import { decides, quorumsIntersect } from './configurations.ts';
import type { Disk } from './disk.ts';
import { decodeCommand, hashEntry, type MachineState } from './machine.ts';

/** A property does not hold. */
export class Violation extends Error {}

/** A host, as far as it is watched. */
export interface Watched {
  readonly id: MemberId;
  readonly up: boolean;
  readonly disk: Disk;
  readonly machine: MachineState;
  readonly raft: Raft | undefined;
}

interface Slot {
  readonly term: number;
  readonly hash: number;
  /** The term in which it was found to be committed. */
  readonly since: number;
}

/** What is remembered of one host from one look to the next. */
interface Seen {
  /** The log by index, as it was. */
  readonly log: Entry[];
  lastIndex: number;
  /** The term that it led at the last look, or 0. */
  ledTerm: number;
  committed: number;
  applied: number;
  /** The term and role of the last candidacy that was judged. */
  candidacy: string;
  // These outlive the process.
  durableTerm: number;
  durableVote: MemberId;
}

export class Oracle {
  /** All hosts that ever were. */
  readonly #hosts: ReadonlyMap<MemberId, Watched>;
  readonly #seen = new Map<MemberId, Seen>();
  readonly #leaders = new Map<number, MemberId>();
  /** Who stood in a term. */
  readonly #candidates = new Map<number, Set<MemberId>>();
  /** Durable votes: by term, by voter. */
  readonly #votes = new Map<number, Map<MemberId, MemberId>>();
  /** Every entry that ever was in a log, by term and index: its hash and the term before it. */
  readonly #entries = new Map<string, { readonly hash: number; readonly before: number }>();
  readonly #committed: Slot[] = [];
  readonly #states = new Map<number, { readonly hash: number; readonly configuration: string }>();
  readonly #reads = new Map<number, number>();
  /** The largest index that anybody knows to be committed. */
  committedMax = 0;
  /** The configuration in force after the largest applied index that was seen, and that index. */
  latest: { index: number; configuration: ConfigurationState };
  /** All configurations there were, each with the index from which on it was in force. */
  readonly history: { readonly index: number; readonly configuration: ConfigurationState }[];
  /** Changes of configuration that were applied somewhere, each counted once. */
  changes = 0;
  elections = 0;
  readsAnswered = 0;
  /** Snapshots that members took over from leaders. */
  installed = 0;

  constructor(hosts: ReadonlyMap<MemberId, Watched>, configuration: ConfigurationState) {
    this.#hosts = hosts;
    this.latest = { index: 1, configuration };
    this.history = [this.latest];
    this.#states.set(1, { hash: 0, configuration: words(configuration) });
    this.#committed[1] = { term: 1, hash: 0, since: 1 };
    this.committedMax = 1;
  }

  hold(condition: boolean, why: () => string): void {
    if (!condition) throw new Violation(why());
  }

  #seenOf(host: Watched): Seen {
    const found = this.#seen.get(host.id);
    if (found !== undefined) return found;
    const seen: Seen = {
      log: [],
      lastIndex: 0,
      ledTerm: 0,
      committed: 0,
      applied: 0,
      candidacy: '',
      durableTerm: host.disk.initialState().hardState.term,
      durableVote: 0,
    };
    this.#seen.set(host.id, seen);
    return seen;
  }

  started(host: Watched): void {
    const seen = this.#seenOf(host);
    const { term, vote } = host.raft!.core;
    this.hold(
      term === seen.durableTerm && vote === seen.durableVote,
      () =>
        `member ${host.id} restarts in term ${term} with vote ${vote}, which is not what it had`,
    );
    this.observe(host);
  }

  crashed(host: Watched): void {
    const seen = this.#seenOf(host);
    seen.log.length = 0;
    seen.lastIndex = 0;
    seen.ledTerm = 0;
    seen.committed = 0;
    seen.applied = 0;
    seen.candidacy = '';
    this.written(host);
  }

  /** The disk has changed. */
  written(host: Watched): void {
    const seen = this.#seenOf(host);
    const { term, vote } = host.disk.initialState().hardState;
    const { durableTerm, durableVote } = seen;
    this.hold(
      term > durableTerm || (term === durableTerm && (durableVote === 0 || vote === durableVote)),
      () => `member ${host.id} takes back term ${durableTerm} or its vote for ${durableVote}`,
    );
    seen.durableTerm = term;
    seen.durableVote = vote;
    if (vote !== 0) {
      this.hold(
        this.#candidates.get(term)?.has(vote) === true,
        () => `member ${host.id} votes for ${vote}, which does not stand in term ${term}`,
      );
      let votes = this.#votes.get(term);
      if (votes === undefined) {
        votes = new Map();
        this.#votes.set(term, votes);
      }
      votes.set(host.id, vote);
    }
    if (host.up) this.#compareLog(host, seen, 'by writing to its disk');
  }

  /** To be called after everything that a host's instance was told. */
  observe(host: Watched): void {
    if (host.raft === undefined) return;
    const seen = this.#seenOf(host);
    const { core } = host.raft;
    const leads = core.role === 'leader';
    const stillLeads = leads && seen.ledTerm === core.term;
    this.#compareLog(host, seen, stillLeads ? 'while it leads' : undefined);
    if (core.role === 'candidate' || core.role === 'pre-candidate') this.#stands(host, seen);
    if (leads && !stillLeads) this.#leads(host, seen);
    seen.ledTerm = leads ? core.term : 0;
    this.#commits(host, seen);
    const { applied } = core.log;
    this.hold(applied >= seen.applied, () => `member ${host.id} applied ${seen.applied} and less`);
    seen.applied = applied;
  }

  /** Compares the log with how it was; `unchanging` says why nothing of that may have changed. */
  #compareLog(host: Watched, seen: Seen, unchanging: string | undefined): void {
    const { log } = host.raft!.core;
    const last = log.lastIndex();
    if (unchanging !== undefined) {
      this.hold(
        last >= seen.lastIndex,
        () => `member ${host.id} shortens its log to ${last} ${unchanging}`,
      );
    }
    const { offset } = log.unstable;
    for (let index = Math.max(log.firstIndex(), seen.committed); index <= last; index++) {
      const entry = index >= offset ? log.unstable.at(index) : host.disk.peek(index);
      this.hold(entry !== undefined, () => `member ${host.id} has no entry ${index}`);
      const known = index <= seen.lastIndex ? seen.log[index] : undefined;
      if (entry === known) continue;
      const same = known?.term === entry!.term;
      this.hold(
        known === undefined || same || unchanging === undefined,
        () => `member ${host.id} changes entry ${index} of its log ${unchanging}`,
      );
      seen.log[index] = entry!;
      this.#matches(host, entry!, log.term(index - 1));
    }
    seen.lastIndex = last;
  }

  /** Log matching: the same position is the same entry, with the same one before it (§5.3). */
  #matches(host: Watched, entry: Entry, before: number | undefined): void {
    const { term, index } = entry;
    this.hold(
      entry.index === index,
      () => `member ${host.id} has entry ${entry.index} at ${index}`,
    );
    if (before === undefined) return;
    const position = `${term}/${index}`;
    const found = this.#entries.get(position);
    const hash = hashEntry(entry);
    if (found === undefined) this.#entries.set(position, { hash, before });
    else {
      this.hold(
        found.hash === hash && found.before === before,
        () => `two logs differ in or before entry ${index} of term ${term}, one is ${host.id}'s`,
      );
    }
  }

  #stands(host: Watched, seen: Seen): void {
    const { id, core } = { id: host.id, core: host.raft!.core };
    const candidacy = `${core.role} ${core.term}`;
    if (candidacy === seen.candidacy) return;
    seen.candidacy = candidacy;
    if (core.role === 'candidate') this.#standsIn(core.term, id);
    for (let index = core.log.applied + 1; index <= core.log.committed; index++) {
      const type = seen.log[index]?.type ?? host.disk.peek(index)?.type;
      this.hold(
        type !== 'configuration',
        () => `member ${id} is a ${candidacy} with the configuration of ${index} unapplied`,
      );
    }
  }

  #standsIn(term: number, id: MemberId): void {
    let candidates = this.#candidates.get(term);
    if (candidates === undefined) {
      candidates = new Set();
      this.#candidates.set(term, candidates);
    }
    candidates.add(id);
  }

  #leads(host: Watched, seen: Seen): void {
    const { core } = host.raft!;
    const { term, configuration } = core;
    this.elections++;
    const other = this.#leaders.get(term);
    this.hold(other === undefined, () => `term ${term} has leaders ${other} and ${host.id}`);
    this.#leaders.set(term, host.id);
    const votes = this.#votes.get(term);
    this.hold(
      isQuorum(configuration, (voter) => this.#gaveVote(voter, term, host.id)),
      () =>
        `member ${host.id} leads term ${term} without a quorum of durable votes: ${words([...(votes ?? [])])} of ${words(configuration)}`,
    );
    for (let index = core.log.firstIndex(); index <= this.committedMax; index++) {
      this.hold(
        core.log.term(index) === this.#committed[index]!.term ||
          this.#committed[index]!.since > term,
        () => `leader ${host.id} of term ${term} lacks committed entry ${index}`,
      );
    }
    seen.ledTerm = term;
  }

  /** Whether a vote is durable, or at least that it cannot be given to another any more. */
  #gaveVote(voter: MemberId, term: number, to: MemberId): boolean {
    const vote = this.#votes.get(term)?.get(voter);
    if (vote !== undefined) return vote === to;
    return (this.#seen.get(voter)?.durableTerm ?? 0) > term;
  }

  #commits(host: Watched, seen: Seen): void {
    const { core } = host.raft!;
    const { log } = core;
    const { committed } = log;
    this.hold(committed >= seen.committed, () => `member ${host.id} commits less than before`);
    for (let index = Math.max(seen.committed + 1, log.firstIndex()); index <= committed; index++) {
      const { term } = seen.log[index]!;
      const hash = hashEntry(seen.log[index]!);
      const slot = this.#committed[index];
      if (slot === undefined) {
        this.#commitsFirst(host, { index, term });
        this.#committed[index] = { term, hash, since: core.term };
      } else {
        this.hold(
          slot.term === term && slot.hash === hash,
          () => `entry ${index} is committed as of term ${slot.term}, and by ${host.id} of ${term}`,
        );
      }
    }
    seen.committed = committed;
    if (committed > this.committedMax) this.committedMax = committed;
    if (core.role === 'leader') this.#oneInFlight(host, seen);
  }

  #commitsFirst(host: Watched, { index, term }: { index: number; term: number }): void {
    const { configuration } = host.raft!.core;
    this.hold(
      isQuorum(configuration, (voter) => this.#hosts.get(voter)?.disk.holds(index, term) === true),
      () =>
        `member ${host.id} commits entry ${index}, which is on no quorum of disks of ${words(configuration)}`,
    );
  }

  /** Behind what is committed no log holds more than one change (thesis §4.1). */
  #oneInFlight(host: Watched, seen: Seen): void {
    let changes = 0;
    for (let index = this.committedMax + 1; index <= seen.lastIndex; index++) {
      if (seen.log[index]!.type === 'configuration') changes++;
    }
    this.hold(changes <= 1, () => `leader ${host.id} has ${changes} changes in flight`);
  }

  /** The machine has applied an entry, or (undefined) a snapshot. */
  applied(host: Watched, entry: Entry | undefined): void {
    const { index, hash, configuration } = host.machine;
    const known = this.#states.get(index);
    const inWords = words(configuration);
    if (known === undefined) {
      this.#states.set(index, { hash, configuration: inWords });
      if (index > this.latest.index) this.#moves(index, configuration);
    } else {
      this.hold(
        known.hash === hash && known.configuration === inWords,
        () =>
          `member ${host.id} is in another state at ${index}: ${hash} ${words(configuration)}, not ${known.hash} ${known.configuration}`,
      );
    }
    if (entry === undefined) {
      this.installed++;
      return;
    }
    this.hold(
      this.#committed[index]?.term === entry.term,
      () => `member ${host.id} applies entry ${index} that is not committed`,
    );
    const required = decodeCommand(entry)?.requiredTerm ?? 0;
    this.hold(
      required === 0 || required === entry.term,
      () => `entry ${index} of term ${entry.term} was only meant for term ${required}`,
    );
  }

  #moves(index: number, configuration: ConfigurationState): void {
    const before = this.latest.configuration;
    this.latest = { index, configuration };
    if (words(before) === words(configuration)) return;
    this.changes++;
    this.history.push(this.latest);
    this.hold(
      quorumsIntersect(before, configuration),
      () => `quorums of ${words(before)} and ${words(configuration)} need not meet`,
    );
  }

  readBegan(context: number): void {
    this.#reads.set(context, this.committedMax);
  }

  readAnswered(host: Watched, { context, index }: ReadState): void {
    const least = this.#reads.get(context);
    this.hold(least !== undefined, () => `member ${host.id} answers a read that nobody asked`);
    this.hold(
      index >= least!,
      () => `member ${host.id} reads at ${index}, but ${least} was committed when the read began`,
    );
    this.readsAnswered++;
  }
}

function isQuorum(configuration: ConfigurationState, has: (voter: MemberId) => boolean): boolean {
  const { voters, votersOutgoing } = configuration;
  return decides(configuration, new Set([...voters, ...votersOutgoing].filter(has)));
}

function words(value: unknown): string {
  return JSON.stringify(value);
}
