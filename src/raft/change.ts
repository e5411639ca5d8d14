/**
 * The membership rule: how a configuration may change (thesis chapter 4).
 *
 * A *simple* change moves at most one voter, for then every majority of the old configuration
 * meets every majority of the new one (§4.1). Anything larger goes through a *joint*
 * configuration, in which both decide (§4.3): enter it, let it commit, leave it. One change is
 * under way at a time; the proposer's side of that rule is in `proposals.ts`.
 *
 * These functions take a membership and give a new one; the one taken stays as it was.
 */
import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import {
  type ChangeStep,
  type ConfigurationChange,
  type ConfigurationState,
  emptyConfiguration,
} from './configuration.ts';
import { type MemberId, NOBODY } from './entry.ts';
import { Inflights } from './inflights.ts';
import { Progress } from './progress.ts';

/** A configuration, and what is known of each member in it, in ascending order of ids. */
export interface Membership {
  readonly configuration: ConfigurationState;
  readonly progress: ReadonlyMap<MemberId, Progress>;
}

/** What a new member's progress starts with. */
export interface ChangeContext {
  /** The last index of the log: a newcomer is first probed there. */
  readonly lastIndex: number;
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
}

/** Applies a change of either kind, as its steps and transition ask. */
export function applyChange(
  current: Membership,
  change: ConfigurationChange,
  context: ChangeContext,
): Membership {
  if (leavesJoint(change)) return leaveJoint(current);
  if (change.transition === 'forced') return forceVoters(change.steps, context);
  if (change.transition !== 'auto' || change.steps.length > 1) {
    const autoLeave = change.transition !== 'joint-explicit';
    return enterJoint(current, { autoLeave, steps: change.steps }, context);
  }
  return simpleChange(current, change.steps, context);
}

/**
 * What a lost majority is recovered with: whoever is added votes, and nobody else is part of the
 * group any more, whatever it was. It is safe only because people say that the others are gone; such
 * an entry is written into a stopped member's log, never proposed.
 */
function forceVoters(steps: readonly ChangeStep[], context: ChangeContext): Membership {
  const voters = steps.map(({ member }) => member).sort((a, b) => a - b);
  return restoreMembership({ ...emptyConfiguration, voters }, context);
}

/** Whether a change asks to leave a joint configuration: it has no steps of its own. */
export function leavesJoint(change: ConfigurationChange): boolean {
  return change.transition === 'auto' && change.steps.length === 0;
}

/**
 * Applies steps at once, which may change one voter at the most (§4.1).
 * @throws QuorateError `unsafe-change`
 */
export function simpleChange(
  current: Membership,
  steps: readonly ChangeStep[],
  context: ChangeContext,
): Membership {
  if (isJoint(current.configuration))
    throw unsafe("can't apply simple config change in joint config");
  const draft = new Draft(current);
  draft.take(steps, context);
  if (differences(current.configuration.voters, draft.voters) > 1) {
    throw unsafe('more than one voter changed without entering joint config');
  }
  return draft.finish();
}

/**
 * Enters a joint configuration: the voters as they were become the outgoing half, and the steps
 * apply to the incoming one (§4.3).
 * @throws QuorateError `unsafe-change`
 */
export function enterJoint(
  current: Membership,
  change: { readonly autoLeave: boolean; readonly steps: readonly ChangeStep[] },
  context: ChangeContext,
): Membership {
  if (isJoint(current.configuration)) throw unsafe('config is already joint');
  // Nobody to outvote: a first configuration is made by simple changes.
  if (current.configuration.voters.length === 0)
    throw unsafe("can't make a zero-voter config joint");
  const draft = new Draft(current);
  for (const voter of current.configuration.voters) draft.outgoing.add(voter);
  draft.take(change.steps, context);
  draft.autoLeave = change.autoLeave;
  return draft.finish();
}

/**
 * Leaves a joint configuration: the outgoing half falls away, and who waited becomes a learner.
 * @throws QuorateError `unsafe-change`
 */
export function leaveJoint(current: Membership): Membership {
  if (!isJoint(current.configuration)) throw unsafe("can't leave a non-joint config");
  const draft = new Draft(current);
  for (const member of draft.learnersNext) draft.learners.add(member);
  draft.learnersNext.clear();
  const left = [...draft.outgoing];
  draft.outgoing.clear();
  for (const member of left) draft.forgetUnlessNeeded(member);
  draft.autoLeave = false;
  return draft.finish();
}

/** Builds the membership that a stored configuration describes, as after a restart (§7). */
export function restoreMembership(state: ConfigurationState, context: ChangeContext): Membership {
  const draft = new Draft({ configuration: state, progress: new Map() });
  for (const set of [state.voters, state.votersOutgoing, state.learners]) {
    for (const member of set) draft.meet(member, context);
  }
  const restored = draft.finish();
  assert(
    state.learnersNext.every((member) => state.votersOutgoing.includes(member)),
    'who waits to become a learner votes in the outgoing half',
  );
  return restored;
}

export function isJoint(configuration: ConfigurationState): boolean {
  return configuration.votersOutgoing.length > 0;
}

/** A membership while it is being changed. */
class Draft {
  readonly voters: Set<MemberId>;
  readonly outgoing: Set<MemberId>;
  readonly learners: Set<MemberId>;
  readonly learnersNext: Set<MemberId>;
  readonly progress: Map<MemberId, Progress>;
  autoLeave: boolean;

  constructor({ configuration, progress }: Membership) {
    this.voters = new Set(configuration.voters);
    this.outgoing = new Set(configuration.votersOutgoing);
    this.learners = new Set(configuration.learners);
    this.learnersNext = new Set(configuration.learnersNext);
    this.autoLeave = configuration.autoLeave;
    this.progress = new Map(progress);
  }

  take(steps: readonly ChangeStep[], context: ChangeContext): void {
    for (const { type, member } of steps) {
      if (member === NOBODY) continue;
      if (type === 'add-voter') this.#addVoter(member, context);
      else if (type === 'add-learner') this.#addLearner(member, context);
      else if (type === 'remove-member') this.#remove(member);
    }
    if (this.voters.size === 0) throw unsafe('removed all voters');
  }

  #addVoter(member: MemberId, context: ChangeContext): void {
    this.meet(member, context);
    this.learners.delete(member);
    this.learnersNext.delete(member);
    this.voters.add(member);
  }

  #addLearner(member: MemberId, context: ChangeContext): void {
    if (this.learners.has(member)) return;
    this.meet(member, context);
    this.voters.delete(member);
    this.learnersNext.delete(member);
    // A voter of the outgoing half keeps its vote there, so it cannot be a learner yet.
    if (this.outgoing.has(member)) this.learnersNext.add(member);
    else this.learners.add(member);
  }

  #remove(member: MemberId): void {
    if (!this.progress.has(member)) return;
    this.voters.delete(member);
    this.learners.delete(member);
    this.learnersNext.delete(member);
    this.forgetUnlessNeeded(member);
  }

  /** Starts a member's progress: its log is unknown, so it is probed from our end. */
  meet(member: MemberId, context: ChangeContext): void {
    if (this.progress.has(member)) return;
    const made = new Progress({
      member,
      match: 0,
      next: Math.max(context.lastIndex, 1),
      inflights: new Inflights(context.inflightMessagesMax, context.inflightBytesMax),
    });
    // Without this check-quorum would count a newcomer as dead before it could answer.
    made.active = true;
    this.progress.set(member, made);
  }

  forgetUnlessNeeded(member: MemberId): void {
    if (this.voters.has(member) || this.outgoing.has(member) || this.learners.has(member)) return;
    this.progress.delete(member);
  }

  finish(): Membership {
    const configuration = {
      voters: ascending(this.voters),
      votersOutgoing: ascending(this.outgoing),
      learners: ascending(this.learners),
      learnersNext: ascending(this.learnersNext),
      autoLeave: this.autoLeave,
    };
    assertSound(configuration, this.progress);
    const progress = new Map(
      ascending(this.progress.keys()).map((id) => [id, this.progress.get(id)!]),
    );
    return { configuration, progress };
  }
}

/** What holds of every configuration; a change that breaks it is a bug of this file. */
function assertSound(
  configuration: ConfigurationState,
  progress: ReadonlyMap<MemberId, Progress>,
): void {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  for (const set of [voters, votersOutgoing, learners, learnersNext]) {
    for (const member of set)
      assert(progress.has(member), () => `no progress for member ${member}`);
  }
  for (const member of learnersNext) {
    assert(
      votersOutgoing.includes(member),
      () => `member ${member} waits without an outgoing vote`,
    );
  }
  for (const member of learners) {
    assert(!voters.includes(member), () => `member ${member} is voter and learner`);
    assert(
      !votersOutgoing.includes(member),
      () => `member ${member} is outgoing voter and learner`,
    );
  }
  assert(
    votersOutgoing.length > 0 || learnersNext.length === 0,
    'members wait outside a joint configuration',
  );
  assert(votersOutgoing.length > 0 || !autoLeave, 'automatic leave outside a joint configuration');
}

/** How many members are in one of the sets but not in the other. */
function differences(before: readonly MemberId[], after: ReadonlySet<MemberId>): number {
  let shared = 0;
  for (const member of before) if (after.has(member)) shared++;
  return before.length + after.size - 2 * shared;
}

function ascending(members: Iterable<MemberId>): MemberId[] {
  return [...members].sort((a, b) => a - b);
}

function unsafe(reason: string): QuorateError {
  return new QuorateError('unsafe-change', reason);
}
