/**
 * One replica's state as it is at one applied index, taken bit by bit while commands go on: the
 * machine gives a frozen state, so that nothing waits for the backup, however slowly it is taken.
 */
import { QuorateError } from '../base/errors.ts';
import type { BackupGroupHead, ContentKind } from '../engine/backup/backup-format.ts';
import type { GroupId } from '../engine/event.ts';
import type { MachineFacts } from '../engine/machine.ts';
import type { Replica } from '../engine/replica.ts';

/** What a machine is that does not say it. */
export const customMachine: MachineFacts = { kind: 'custom', version: 0, parts: [] };

/** A bit of a group's contents. */
export interface WalkPart {
  readonly kind: ContentKind;
  readonly bytes: Uint8Array;
}

export class BackupWalk {
  readonly group: GroupId;
  readonly head: BackupGroupHead;
  readonly #engine: Iterator<Uint8Array, void>;
  readonly #chunks: Iterator<Uint8Array, void>;
  #engineLeft = true;
  #ended: QuorateError | undefined;
  /** When it was last gone on with. */
  usedMs = 0;

  /** Freezes the state as it is now. */
  constructor(name: string, replica: Replica) {
    const { id, machine, state, appliedIndex: index, appliedTerm: term } = replica;
    const facts = machine.facts?.() ?? customMachine;
    const hash = machine.hash?.();
    this.group = id;
    this.head = {
      name,
      id,
      index,
      term,
      source: 'machine',
      machine: facts,
      ...(hash === undefined ? {} : { hash }),
    };
    this.#engine = state.encode();
    this.#chunks = machine.snapshot();
  }

  /** The next bit; undefined at the end. @throws QuorateError why it was ended before */
  next(): WalkPart | undefined {
    if (this.#ended !== undefined) throw this.#ended;
    if (this.#engineLeft) {
      const part = this.#engine.next();
      if (part.done !== true) return { kind: 'engine', bytes: part.value };
      this.#engineLeft = false;
    }
    const chunk = this.#chunks.next();
    return chunk.done === true ? undefined : { kind: 'chunk', bytes: chunk.value };
  }

  /** Lets go of the state. */
  end(why = new QuorateError('closing', 'the backup was ended')): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    this.#chunks.return?.();
  }
}
