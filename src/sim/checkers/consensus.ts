/**
 * Raft's own promises, looked at after every event of a member (figure 3 of the paper;
 * reliability.md, invariants 1 to 7), in all members and over their crashes:
 * one leader a term · terms and votes that were told to others are kept · a leader does not cut its
 * log · a leader commits only entries of its own term, which a quorum of voters has acknowledged
 * (§5.4.2) · what is acknowledged stays in the log for the term · what is committed never changes, and every later leader has it · commit and applied only
 * grow · what was acknowledged to a leader is still there after a crash.
 */
import { crc32c } from '../../base/crc32c.ts';
import type { Replica } from '../../engine/replica.ts';
import type { ConfigurationState } from '../../raft/configuration.ts';
import type { MemberId } from '../../raft/entry.ts';
import type { Message } from '../../raft/message.ts';
import { ConfigurationChecker } from './configurations.ts';
import { checkDurable, type DurableLedger } from './durable.ts';
import type { Findings } from './findings.ts';

/** Entries are read in pieces of this size. */
const readBytesMax = 2 ** 20;

interface Committed {
  readonly term: number;
  readonly hash: number;
  readonly by: string;
}

/** What is known of a group, over all members. */
interface GroupFacts {
  /** Who led a term. */
  readonly leaders: Map<number, string>;
  /** By index; not all entries are seen, for some are compacted before. */
  readonly committed: Map<number, Committed>;
  /** In ascending order: how far it was committed when a term of commits ended. */
  readonly commitsByTerm: { term: number; index: number }[];
  highestCommit: number;
  /** The last change of members that anybody has applied. */
  lastChange: number;
  /** The furthest entry that members, by their ids, have acknowledged in the latest such term. */
  readonly acknowledged: Map<MemberId, { term: number; index: number }>;
  /** All votes for others that have left a member. */
  readonly granted: { term: number; voter: MemberId; candidate: MemberId }[];
}

/** What a member has told others of itself, and must hold to after a crash. */
interface Promises {
  /** Of the highest vote or answer. */
  term: number;
  votes: Map<number, MemberId>;
  ackedTerm: number;
  ackedIndex: number;
}

/** How a replica stood after the last event. */
interface Before {
  term: number;
  role: string;
  lastIndex: number;
  commit: number;
  applied: number;
  /** By whom commits are counted. */
  configuration: ConfigurationState;
}

/** A member's present process, as this checker knows it. */
export interface WatchedLife {
  readonly name: string;
  readonly number: number;
  readonly before: Map<number, Before>;
  readonly configurations: Map<number, ConfigurationChecker>;
  /** What of it is durable. */
  readonly ledger: DurableLedger;
}

/** Hears who leads. */
export type LeaderListener = (name: string, group: number, term: number) => void;

/** See above. */
export class ConsensusChecker {
  readonly #findings: Findings;
  readonly #onLeader: LeaderListener;
  readonly #groups = new Map<number, GroupFacts>();
  /** By member and group. */
  readonly #promises = new Map<string, Map<number, Promises>>();
  /** Members whose disk was damaged on purpose: what they promised may be gone. */
  readonly forgiven = new Set<string>();
  /** How many entries were compared with what others have committed. */
  entriesChecked = 0;

  constructor(findings: Findings, onLeader: LeaderListener) {
    this.#findings = findings;
    this.#onLeader = onLeader;
  }

  /** The last index known to be committed in a group. */
  committedIndex(group: number): number {
    return this.#groups.get(group)?.highestCommit ?? 0;
  }

  /** A member has applied a change of members. */
  changed(group: number, index: number): void {
    const facts = this.#facts(group);
    facts.lastChange = Math.max(facts.lastChange, index);
  }

  /** The index of the last change of members that anybody has applied; 0 if there was none. */
  lastChange(group: number): number {
    return this.#groups.get(group)?.lastChange ?? 0;
  }

  begin(name: string, number: number, ledger: DurableLedger): WatchedLife {
    return { name, number, before: new Map(), configurations: new Map(), ledger };
  }

  /** Looks at all replicas of a member after it has handled an event. */
  look(life: WatchedLife, replicas: Iterable<Replica>): void {
    for (const replica of replicas) {
      this.#lookAt(life, replica);
      life.configurations.get(replica.id)?.look(replica);
    }
  }

  #lookAt(life: WatchedLife, replica: Replica): void {
    const { core } = replica.raft;
    const { term, role, log, configuration } = core;
    const lastIndex = log.lastIndex();
    const { committed: commit, applied } = log;
    let before = life.before.get(replica.id);
    if (before === undefined) {
      before = { term: 0, role: 'follower', lastIndex: 0, commit: 0, applied: 0, configuration };
      life.before.set(replica.id, before);
      life.ledger.begin(replica.id, { lastIndex, term, vote: core.vote });
      const { configurations, name } = life;
      configurations.set(replica.id, new ConfigurationChecker(this.#findings, name, replica));
      this.#returned(life, replica, lastIndex);
    } else if (
      before.term === term &&
      before.role === role &&
      before.lastIndex === lastIndex &&
      before.commit === commit &&
      before.applied === applied
    ) {
      return;
    }
    const where = (): string => `${life.name}, group ${replica.id}`;
    if (term < before.term) this.#wrong('term', `${where()}: term ${before.term} became ${term}`);
    if (commit < before.commit) {
      this.#wrong('commit', `${where()}: commit index ${before.commit} became ${commit}`);
    }
    if (applied > commit) this.#wrong('commit', `${where()}: applied ${applied} of ${commit}`);
    if (role === 'leader') {
      const leads = before.role === 'leader' && before.term === term;
      if (!leads) this.#elected(life, replica, lastIndex);
      else if (lastIndex < before.lastIndex) {
        const message = `${where()}: as leader of term ${term} it cut its log to ${lastIndex}`;
        this.#wrong('leader-append-only', message);
      }
      if (leads && commit > before.commit) this.#commits(life, replica, before.configuration);
    } else if (term === before.term && lastIndex < before.lastIndex) {
      const promises = this.#promises.get(life.name)?.get(replica.id);
      if (promises?.ackedTerm === term && lastIndex < promises.ackedIndex) {
        const message = `${where()}: acknowledged entry ${promises.ackedIndex} in term ${term}, and cut its log to ${lastIndex}`;
        this.#wrong('acknowledged-cut', message);
      }
    }
    if (commit > before.commit) this.#committed(life, replica, before.commit);
    before.term = term;
    before.role = role;
    before.lastIndex = lastIndex;
    before.commit = commit;
    before.applied = applied;
    before.configuration = configuration;
  }

  /** A group was opened in a new process: it must stand where it told others that it does. */
  #returned(life: WatchedLife, replica: Replica, lastIndex: number): void {
    const promises = this.#promises.get(life.name)?.get(replica.id);
    if (promises === undefined || this.forgiven.has(life.name)) return;
    const { term, vote } = replica.raft.core;
    const where = `${life.name}, group ${replica.id}, process ${life.number}`;
    if (term < promises.term) {
      this.#wrong('durable-term', `${where}: back in term ${term}, told others ${promises.term}`);
    }
    const voted = promises.votes.get(term);
    if (voted !== undefined && voted !== vote) {
      const message = `${where}: voted for ${voted} in term ${term}, back with vote ${vote}`;
      this.#wrong('durable-vote', message);
    }
    if (term === promises.ackedTerm && lastIndex < promises.ackedIndex) {
      const message = `${where}: acknowledged entry ${promises.ackedIndex} in term ${term}, back with ${lastIndex}`;
      this.#wrong('durable-log', message);
    }
  }

  #elected({ name, number }: WatchedLife, replica: Replica, lastIndex: number): void {
    const facts = this.#facts(replica.id);
    const { term, log } = replica.raft.core;
    const who = `${name} (process ${number})`;
    const known = facts.leaders.get(term);
    if (known !== undefined && known !== who) {
      const message = `group ${replica.id}, term ${term}: both ${known} and ${who} lead`;
      this.#wrong('one-leader', message);
    }
    if (known !== who) this.#voted(who, replica, facts);
    facts.leaders.set(term, who);
    this.#onLeader(name, replica.id, term);
    const before = facts.commitsByTerm.findLast((each) => each.term < term);
    if (before === undefined) return;
    const entry = facts.committed.get(before.index);
    const held = log.term(before.index);
    // Compacted entries are in a snapshot: their terms are not at hand any more.
    const missing = lastIndex < before.index || (held !== undefined && entry?.term !== held);
    if (missing && entry !== undefined) {
      const message =
        `${who} leads group ${replica.id} in term ${term} without entry ${before.index} of term ` +
        `${entry.term}, which ${entry.by} had committed in term ${before.term}; its log ends at ` +
        `${lastIndex}, and has term ${held} there`;
      this.#wrong('leader-completeness', message);
    }
  }

  /** Whoever leads was voted for: by a majority of each set that decides, learners not counted. */
  #voted(who: string, { id: group, raft }: Replica, { granted }: GroupFacts): void {
    const { id, term, configuration } = raft.core;
    const { voters, votersOutgoing } = configuration;
    const votes = granted.filter((each) => each.term === term && each.candidate === id);
    const has = (voter: MemberId): boolean =>
      voter === id || votes.some((each) => each.voter === voter);
    if (majorities({ voters, votersOutgoing }, has)) return;
    const message = `${who} leads group ${group} in term ${term}, without the votes of a majority`;
    this.#wrong('election-quorum', message);
  }

  /** A leader has moved its commit index: by the rule, and by those who counted before or count now. */
  #commits({ name, ledger }: WatchedLife, replica: Replica, before: ConfigurationState): void {
    const { id, term, log, configuration } = replica.raft.core;
    const index = log.committed;
    const where = (): string =>
      `${name} leads group ${replica.id} in term ${term} and commits entry ${index}`;
    const held = log.term(index);
    if (held !== undefined && held !== term) {
      this.#wrong('commit-rule', `${where()} of term ${held}`);
    }
    const { acknowledged } = this.#facts(replica.id);
    const has = (voter: MemberId): boolean => {
      if (voter === id) return ledger.lastIndex(replica.id) >= index;
      const told = acknowledged.get(voter);
      return told !== undefined && told.term >= term && told.index >= index;
    };
    const decided = [before, configuration].some((each) => majorities(each, has));
    if (!decided) this.#wrong('commit-quorum', `${where()}, which no majority has acknowledged`);
  }

  #committed({ name }: WatchedLife, replica: Replica, from: number): void {
    const facts = this.#facts(replica.id);
    const { core } = replica.raft;
    const { log } = core;
    const first = Math.max(from + 1, log.firstIndex());
    const found = log.slice(first, log.committed + 1, readBytesMax) ?? [];
    for (const { index, term, data, type } of found) {
      const hash = crc32c(data) ^ (type === 'configuration' ? 1 : 0);
      const known = facts.committed.get(index);
      if (known === undefined) facts.committed.set(index, { term, hash, by: name });
      else {
        this.entriesChecked++;
        if (known.term === term && known.hash === hash) continue;
        const message =
          `group ${replica.id}, entry ${index}: ${known.by} committed one of term ${known.term} ` +
          `(${hex(known.hash)}), ${name} one of term ${term} (${hex(hash)})`;
        this.#wrong('committed-changed', message);
        return;
      }
    }
    if (log.committed <= facts.highestCommit) return;
    facts.highestCommit = log.committed;
    const last = facts.commitsByTerm.at(-1);
    // Seen first at the leader itself, whose event made it so.
    if (last !== undefined && last.term >= core.term) last.index = log.committed;
    else facts.commitsByTerm.push({ term: core.term, index: log.committed });
  }

  /** Looks at what leaves a member: one vote a term, and none of a term gone by. */
  sends({ name, ledger }: WatchedLife, group: number, message: Message): void {
    if (!this.forgiven.has(name)) checkDurable(this.#findings, ledger, { name, group, message });
    const promises = this.#promisesOf(name, group);
    if (message.type === 'vote-reply' && message.granted) {
      const { term, to } = message;
      const known = promises.votes.get(term) ?? to;
      promises.votes.set(term, known);
      this.#facts(group).granted.push({ term, voter: message.from, candidate: to });
      const where = `${name}, group ${group}, term ${term}`;
      if (known !== to) this.#wrong('one-vote', `${where}: voted for ${known} and for ${to}`);
      if (term < promises.term) {
        this.#wrong('one-vote', `${where}: a vote, after an answer in term ${promises.term}`);
      }
      promises.term = Math.max(promises.term, term);
    } else if (message.type === 'append-reply' && !message.rejected) {
      const { term, index, from } = message;
      const { acknowledged } = this.#facts(group);
      const told = acknowledged.get(from);
      if (told === undefined || term > told.term) acknowledged.set(from, { term, index });
      else if (term === told.term) told.index = Math.max(told.index, index);
      promises.term = Math.max(promises.term, term);
      if (term < promises.ackedTerm) return;
      promises.ackedIndex =
        term > promises.ackedTerm ? index : Math.max(promises.ackedIndex, index);
      promises.ackedTerm = term;
    }
  }

  #promisesOf(name: string, group: number): Promises {
    let groups = this.#promises.get(name);
    if (groups === undefined) {
      groups = new Map();
      this.#promises.set(name, groups);
    }
    let promises = groups.get(group);
    if (promises === undefined) {
      promises = { term: 0, votes: new Map(), ackedTerm: 0, ackedIndex: 0 };
      groups.set(group, promises);
    }
    return promises;
  }

  #facts(group: number): GroupFacts {
    let facts = this.#groups.get(group);
    if (facts === undefined) {
      facts = {
        leaders: new Map(),
        committed: new Map(),
        commitsByTerm: [],
        highestCommit: 0,
        lastChange: 0,
        acknowledged: new Map(),
        granted: [],
      };
      this.#groups.set(group, facts);
    }
    return facts;
  }

  #wrong(rule: string, message: string): void {
    this.#findings.report(rule, message);
  }
}

/** Whether a majority of each set that decides has something. */
function majorities(
  { voters, votersOutgoing }: Pick<ConfigurationState, 'voters' | 'votersOutgoing'>,
  has: (voter: MemberId) => boolean,
): boolean {
  return [voters, votersOutgoing].every(
    (half) => half.length === 0 || 2 * half.filter(has).length > half.length,
  );
}

function hex(hash: number): string {
  return (hash >>> 0).toString(16);
}
