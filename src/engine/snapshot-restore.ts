/**
 * A snapshot's way back into a machine: from its file, piece by piece, or from the message that
 * holds how a group begins. What the engine keeps beside the machine comes back with it.
 */
import { QuorateError } from '../base/errors.ts';
import { joinBytes } from '../base/join-bytes.ts';
import type { Snapshot } from '../raft/entry.ts';
import type { GroupState } from './group-state.ts';
import type { DiskRequests } from './log/disk-requests.ts';
import { type SnapshotFacts, snapshotPath } from './log/snapshot-format.ts';
import { SnapshotReader } from './log/snapshot-reader.ts';
import type { Machine, MachineRestore } from './machine.ts';

/** What a snapshot is of. */
export interface RestoreTarget {
  readonly machine: Machine;
  readonly state: GroupState;
}

/** Reads a snapshot into a machine; `machine-failed` where that cannot take it. */
export function restoreFile(
  disk: DiskRequests,
  { group, index }: Pick<SnapshotFacts, 'group' | 'index'>,
  target: RestoreTarget,
  then: (error: QuorateError | undefined) => void,
): void {
  const restore = new Restoring(target);
  const reader = new SnapshotReader(disk, snapshotPath(group, index));
  const next = (): void => {
    reader.next((piece) => {
      if (piece instanceof QuorateError) return then(piece);
      if (piece.kind === 'engine') restore.engine(piece.content);
      if (piece.kind === 'chunk') restore.chunk(piece.content);
      if (!reader.ended) return restore.drain(next);
      reader.close();
      then(restore.finish());
    });
  };
  next();
}

/** How the group begins: its state is in the message, or is nothing at all. */
export function restoreBeginning(
  target: RestoreTarget,
  { data }: Snapshot,
): QuorateError | undefined {
  target.state.clear();
  if (data.length === 0) return undefined;
  const restore = new Restoring(target);
  restore.chunk(data);
  return restore.finish();
}

/** Restores a machine, and remembers the first thing that went wrong. */
class Restoring {
  readonly #target: RestoreTarget;
  readonly #restore: MachineRestore;
  #engine: Uint8Array[] = [];
  #failed: unknown;

  constructor(target: RestoreTarget) {
    this.#target = target;
    this.#restore = target.machine.restore();
  }

  /** Part of what the engine keeps; read at the end. */
  engine(bytes: Uint8Array): void {
    this.#engine.push(bytes);
  }

  chunk(bytes: Uint8Array): void {
    this.#try(() => this.#restore.chunk(bytes));
  }

  /** Goes on when the machine can take more. */
  drain(then: () => void): void {
    if (this.#restore.drain === undefined || this.#failed !== undefined) return then();
    this.#restore.drain((error) => {
      this.#failed ??= error ?? undefined;
      then();
    });
  }

  finish(): QuorateError | undefined {
    const { state } = this.#target;
    this.#try(() => {
      state.clear();
      if (this.#engine.length > 0) state.decode(joinBytes(this.#engine));
      this.#restore.finish();
    });
    if (this.#failed === undefined) return undefined;
    const { code } = this.#failed as { readonly code?: unknown };
    // Nothing is broken: another version of the program can take it.
    if (code === 'machine-too-old' || code === 'machine-too-new' || code === 'wrong-machine') {
      return this.#failed as QuorateError;
    }
    return new QuorateError('machine-failed', 'the machine cannot take its snapshot back', {
      cause: this.#failed,
    });
  }

  #try(action: () => void): void {
    if (this.#failed !== undefined) return;
    try {
      action();
    } catch (error) {
      this.#failed = error;
    }
  }
}
