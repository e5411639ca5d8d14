/**
 * The way out: collects what the host has to do into a {@link Ready}, and remembers what was said
 * already.
 */
import { assert } from '../base/assert.ts';
import type { Core } from './core.ts';
import type { Entry, HardState, Snapshot } from './entry.ts';
import type { Appended, AppendTask, Input } from './input.ts';
import type { Message } from './message.ts';
import type { Ready, SoftState } from './ready.ts';

const nothing: readonly never[] = [];

export class Output {
  readonly #core: Core;
  #softState: SoftState;
  #hardState: HardState;
  /** Simple mode: what `advance` steps; undefined while no Ready is being worked on. */
  #onAdvance: Input[] | undefined;

  constructor(core: Core) {
    this.#core = core;
    this.#softState = { leader: core.leader, role: core.role };
    this.#hardState = hardStateOf(core);
  }

  /** Whether {@link take} would give anything to do. */
  has(): boolean {
    const core = this.#core;
    const { log, reads } = core;
    return (
      core.messages.length > 0 ||
      reads.states.length > 0 ||
      reads.dropped.length > 0 ||
      core.leader !== this.#softState.leader ||
      core.role !== this.#softState.role ||
      (log.hasCommitted(this.#appliesUnstable) && !core.awaitingStorage) ||
      (!this.#mustWait() &&
        (core.messagesAfterAppend.length > 0 ||
          log.unstable.hasUnwritten ||
          log.unstable.unwrittenSnapshot() !== undefined ||
          this.#changedHardState() !== undefined))
    );
  }

  take(): Ready {
    assert(this.#onAdvance === undefined, 'ready() before the last Ready was advanced');
    const core = this.#core;
    const softState = this.#takeSoftState();
    const committed = this.#takeCommitted();
    const { messages, reads } = core;
    // What is handed out is never added to any more: each queue starts anew, empty ones too.
    core.messages = [];
    reads.roundOpen = false;
    const { states, dropped } = reads;
    reads.states = [];
    reads.dropped = [];
    const append = this.#mustWait() ? undefined : this.#takeAppend();
    const done = { type: 'applied' as const, entries: committed };
    const ready = {
      softState,
      hardState: append?.hardState,
      entries: append?.entries ?? nothing,
      snapshot: append?.snapshot,
      committed,
      messages,
      reads: states,
      droppedReads: dropped,
      mustSync: append?.mustSync ?? false,
      append,
      apply: committed.length > 0 ? { entries: committed, done } : undefined,
    };
    return core.settings.asyncStorageWrites ? ready : this.#simple(ready);
  }

  /** Simple mode: the last Ready is done; returns what is to be stepped now. */
  advance(): readonly Input[] {
    const inputs = this.#onAdvance;
    assert(inputs !== undefined, 'advance() without a Ready');
    this.#onAdvance = undefined;
    return inputs;
  }

  /** Committed entries not durable here may be applied where advance covers both at once. */
  get #appliesUnstable(): boolean {
    return !this.#core.settings.asyncStorageWrites;
  }

  /**
   * A snapshot is installed only when all that was handed out before is applied: the two must not
   * overlap. Nothing else is written meanwhile, for it would rest on the snapshot.
   */
  #mustWait(): boolean {
    const { log } = this.#core;
    return log.unstable.unwrittenSnapshot() !== undefined && log.applying > log.applied;
  }

  #takeSoftState(): SoftState | undefined {
    const { leader, role } = this.#core;
    if (leader === this.#softState.leader && role === this.#softState.role) return undefined;
    this.#softState = { leader, role };
    return this.#softState;
  }

  #takeCommitted(): readonly Entry[] {
    const core = this.#core;
    if (core.awaitingStorage) return nothing;
    const entries = core.log.nextCommitted(this.#appliesUnstable);
    if (entries === undefined) core.awaitingStorage = true;
    if (entries === undefined || entries.length === 0) return nothing;
    core.log.markApplying(entries, this.#appliesUnstable);
    return entries;
  }

  #changedHardState(): HardState | undefined {
    const { term, vote, log } = this.#core;
    const last = this.#hardState;
    const same = term === last.term && vote === last.vote && log.committed === last.commit;
    return same ? undefined : hardStateOf(this.#core);
  }

  #takeAppend(): AppendTask | undefined {
    const core = this.#core;
    const { unstable } = core.log;
    const entries = unstable.unwritten();
    const hardState = this.#changedHardState();
    const snapshot = unstable.unwrittenSnapshot();
    const replies = core.messagesAfterAppend;
    if (
      entries.length === 0 &&
      hardState === undefined &&
      snapshot === undefined &&
      replies.length === 0
    ) {
      return undefined;
    }
    const last = this.#hardState;
    const mustSync = entries.length > 0 || core.term !== last.term || core.vote !== last.vote;
    if (hardState !== undefined) this.#hardState = hardState;
    // Even if there are none: those to come wait for what is not written yet.
    core.messagesAfterAppend = [];
    const done = this.#completion(snapshot);
    unstable.markWritten();
    return { entries, hardState, snapshot, mustSync, replies, done };
  }

  /**
   * What the host says when the task is durable. While anything is unstable each task vouches for
   * the log's end, not only the one that wrote it: an earlier completion may have been void.
   */
  #completion(snapshot: Snapshot | undefined): Appended | undefined {
    const { log, term } = this.#core;
    const last = log.unstable.empty ? undefined : log.last();
    if (last === undefined && snapshot === undefined) return undefined;
    return { type: 'appended', term, last, snapshotIndex: snapshot?.index ?? 0 };
  }

  /** Simple mode: everything is done before `advance`, so that all messages leave together. */
  #simple(ready: Ready): Ready {
    const { append, apply, messages } = ready;
    const onAdvance: Input[] = [];
    const toOthers: Message[] = [];
    for (const reply of append?.replies ?? nothing) {
      if (reply.to === this.#core.id) onAdvance.push(reply);
      else toOthers.push(reply);
    }
    if (append?.done !== undefined) onAdvance.push(append.done);
    if (apply !== undefined) onAdvance.push(apply.done);
    this.#onAdvance = onAdvance;
    const all = toOthers.length > 0 ? messages.concat(toOthers) : messages;
    return { ...ready, messages: all, append: undefined, apply: undefined };
  }
}

function hardStateOf({ term, vote, log }: Core): HardState {
  return { term, vote, commit: log.committed };
}
