/**
 * Raft as a function: inputs in, a list of things to do out, and nothing in between that waits,
 * reads a clock or touches a disk.
 *
 * A host 1. steps inputs as they come, 2. asks `ready()` what there is to do and does it in the
 * order that `Ready` states, 3. in simple mode calls `advance()`; and ticks at a steady pace.
 *
 * "Paper" and § alone cite Ongaro and Ousterhout, "In Search of an Understandable Consensus
 * Algorithm (Extended Version)"; "thesis" cites Ongaro, "Consensus: Bridging Theory and Practice".
 */
import { AssertionError } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import { checkInput } from './check-input.ts';
import type { ConfigurationChange, ConfigurationState } from './configuration.ts';
import { Core } from './core.ts';
import type { Input } from './input.ts';
import { assertInvariants, type Standing, standingOf } from './invariants.ts';
import { handleChange } from './membership.ts';
import { type RaftOptions, settingsFrom } from './options.ts';
import { Output } from './output.ts';
import type { Proposed } from './proposals.ts';
import type { Ready } from './ready.ts';
import { type Status, statusOf } from './status.ts';
import { step } from './step.ts';
import { becomeSuspect, settleVotes } from './suspicion.ts';

/**
 * One member's part in one group.
 *
 * @example
 * ```ts
 * import { emptyConfiguration, MemoryStorage, Raft, SeededRandom } from 'quorate/raft';
 *
 * const storage = new MemoryStorage();
 * storage.setConfiguration({ ...emptyConfiguration, voters: [1] });
 * const raft = new Raft({ id: 1, storage, random: new SeededRandom(7) });
 * raft.step({ type: 'campaign' });
 * while (raft.hasReady()) {
 *   const ready = raft.ready();
 *   if (ready.hardState) storage.setHardState(ready.hardState);
 *   storage.append(ready.entries);
 *   raft.advance();
 * }
 * raft.status().role; // 'leader'
 * ```
 */
export class Raft {
  /** The state itself, for transcripts and tests to look at. Nobody but the core writes to it. */
  readonly core: Core;
  readonly #output: Output;
  readonly #standing: Standing;
  /** A failed assertion: from then on there is nothing to persist or send. */
  #failure: unknown;

  /** @throws QuorateError `invalid-config` */
  constructor(options: RaftOptions) {
    this.core = new Core(settingsFrom(options));
    this.#output = new Output(this.core);
    this.#standing = standingOf(this.core);
  }

  /**
   * Takes an input.
   *
   * @returns for proposals that this member appended as leader: where they stand
   * @throws QuorateError for bad input (`malformed-message`, `out-of-range`, `unknown-sender`,
   *   `entry-too-large`) and for what is refused (`no-leader`, `forwarding-disabled`, `removed`,
   *   `transferring`, `stale-term`, `over-quota`, `not-a-voter`); then nothing changed
   * @throws AssertionError where the core finds itself broken; it is then of no more use
   */
  step(input: Input): Proposed | undefined {
    return this.#guard(() => {
      checkInput(this.core, input);
      return step(this.core, input);
    });
  }

  /** Whether `ready()` would give anything to do. */
  hasReady(): boolean {
    return this.#failure === undefined && this.#output.has();
  }

  /** What there is to do; see {@link Ready} for the order. */
  ready(): Ready {
    return this.#guard(() => this.#output.take());
  }

  /** Simple mode: all that the last Ready asked for is done. */
  advance(): void {
    this.#guard(() => {
      for (const input of this.#output.advance()) step(this.core, input);
    });
  }

  /**
   * To be called while applying each configuration entry, on every member, before the entry is
   * reported applied; a host that refuses an entry does not call it, and all hosts must agree.
   *
   * @returns the configuration as of that entry
   * @throws QuorateError `unsafe-change`; then nothing changed
   */
  applyChange(change: ConfigurationChange): ConfigurationState {
    return this.#guard(() => handleChange(this.core, change));
  }

  /**
   * This member has found that a part of its log is lost: from now on it neither votes nor counts
   * until it has recovered. The host has made sure that it will not forget it.
   */
  becomeSuspect(): void {
    this.#guard(() => becomeSuspect(this.core, { votes: false }));
  }

  /** This member stands for no election any more; what it leads it should hand over. */
  renounce(): void {
    this.core.renounced = true;
  }

  /** Where votes may be lost: every other voter has said its term, and `term` is the highest. */
  settleVotes(term: number): void {
    this.#guard(() => settleVotes(this.core, term));
  }

  status(): Status {
    return statusOf(this.core);
  }

  #guard<Result>(action: () => Result): Result {
    if (this.#failure !== undefined) {
      throw new AssertionError(`this instance has failed: ${String(this.#failure)}`);
    }
    try {
      const result = action();
      assertInvariants(this.core, this.#standing);
      return result;
    } catch (error) {
      // Anything but a refusal means that the state can no longer be trusted.
      if (!(error instanceof QuorateError)) this.#failure = error;
      throw error;
    }
  }
}
