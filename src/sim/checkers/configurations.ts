/**
 * Membership, change by change (invariant 7 of reliability.md): quorums of consecutive
 * configurations intersect, for one voter moves at most, or both sets decide together on the way
 * (thesis chapter 4); one change is under way at a time; who learns does not vote; nobody campaigns
 * before it has applied the changes that it knows to be committed.
 */
import type { Replica } from '../../engine/replica.ts';
import type { ConfigurationState } from '../../raft/configuration.ts';
import type { Log } from '../../raft/log.ts';
import type { Findings } from './findings.ts';

/** Entries are read in pieces of this size. */
const readBytesMax = 2 ** 20;

/** How a replica stood after the last event. */
interface Before {
  role: string;
  term: number;
  lastIndex: number;
  commit: number;
  /** While it leads: changes in its log, by their indexes. */
  changes: number[];
}

/** Looks at one replica of one process. */
export class ConfigurationChecker {
  readonly #findings: Findings;
  readonly #where: string;
  readonly #before: Before;

  constructor(findings: Findings, name: string, replica: Replica) {
    this.#findings = findings;
    this.#where = `${name}, group ${replica.id}`;
    const { role, term, log } = replica.raft.core;
    const { committed: commit } = log;
    this.#before = { role, term, lastIndex: log.lastIndex(), commit, changes: [] };
    const { raft } = replica;
    const applyChange = raft.applyChange.bind(raft);
    raft.applyChange = (change) => {
      const from = raft.core.configuration;
      const result = applyChange(change);
      // What a lost majority is recovered with follows nothing.
      if (change.transition !== 'forced') this.#follows(from, raft.core.configuration);
      return result;
    };
  }

  /** After an event. */
  look({ raft }: Replica): void {
    const before = this.#before;
    const { role, term, log } = raft.core;
    const lastIndex = log.lastIndex();
    if (role === 'leader') {
      const leads = before.role === 'leader' && before.term === term;
      if (!leads) before.changes = changesOf(log, log.applied, lastIndex);
      else if (lastIndex > before.lastIndex) {
        before.changes.push(...changesOf(log, before.lastIndex, lastIndex));
      }
      before.changes = before.changes.filter((index) => index > log.applied);
      if (before.changes.length > 1) {
        const message = `${this.#where}: changes ${before.changes.join(' and ')} are under way in term ${term}`;
        this.#findings.report('one-change', message);
      }
    } else if (
      role !== 'follower' &&
      before.role === 'follower' &&
      log.committed === before.commit
    ) {
      const [open] = changesOf(log, log.applied, log.committed);
      if (open !== undefined) {
        const message = `${this.#where}: stands for election, and has not applied change ${open}`;
        this.#findings.report('unapplied-change', message);
      }
    }
    before.role = role;
    before.term = term;
    before.lastIndex = lastIndex;
    before.commit = log.committed;
  }

  #follows(from: ConfigurationState, to: ConfigurationState): void {
    const wrong = breaks(from, to);
    if (wrong === undefined) return;
    const shown = (each: ConfigurationState): string =>
      `${each.voters} (${each.votersOutgoing}), learners ${each.learners}`;
    const message = `${this.#where}: ${shown(from)} is followed by ${shown(to)}: ${wrong}`;
    this.#findings.report('quorums-apart', message);
  }
}

/** Why the second configuration may not follow the first, if so. */
export function breaks(from: ConfigurationState, to: ConfigurationState): string | undefined {
  if (to.learners.some((id) => to.voters.includes(id) || to.votersOutgoing.includes(id))) {
    return 'a learner votes';
  }
  const wasJoint = from.votersOutgoing.length > 0;
  const isJoint = to.votersOutgoing.length > 0;
  if (!wasJoint && isJoint) {
    return same(from.voters, to.votersOutgoing) ? undefined : 'who voted has no say any more';
  }
  if (wasJoint && isJoint) return sameState(from, to) ? undefined : 'both are joint';
  if (wasJoint) return same(from.voters, to.voters) ? undefined : 'others than were to come vote';
  // A group that begins has nobody to intersect with.
  const moved = from.voters.length === 0 ? 0 : apart(from.voters, to.voters);
  return moved <= 1 ? undefined : `${moved} voters moved at once`;
}

function changesOf(log: Log, from: number, to: number): number[] {
  const first = Math.max(from + 1, log.firstIndex());
  const entries = (first <= to ? log.slice(first, to + 1, readBytesMax) : undefined) ?? [];
  return entries.filter(({ type }) => type === 'configuration').map(({ index }) => index);
}

function apart(a: readonly number[], b: readonly number[]): number {
  return a.filter((id) => !b.includes(id)).length + b.filter((id) => !a.includes(id)).length;
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return apart(a, b) === 0;
}

function sameState(a: ConfigurationState, b: ConfigurationState): boolean {
  return same(a.voters, b.voters) && same(a.votersOutgoing, b.votersOutgoing);
}
