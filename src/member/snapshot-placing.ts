/** Puts a state from a backup in the place of a snapshot, from which a group then begins. */
import type { SnapshotFacts } from '../engine/log/snapshot-format.ts';
import { SnapshotWriter } from '../engine/log/snapshot-writer.ts';
import { restoredOrigin } from '../engine/restored-cluster.ts';
import type { Position } from '../raft/entry.ts';
import type { DiskSession } from './disk-session.ts';

/** Where a restored group's log begins: as before, but never where an empty group does. */
export function restoredPosition({ index, term }: Position): Position {
  return {
    index: Math.max(index, restoredOrigin.index),
    term: Math.max(term, restoredOrigin.term),
  };
}

export class SnapshotPlacing {
  readonly #session: DiskSession;
  readonly #writer: SnapshotWriter;

  constructor(session: DiskSession, facts: SnapshotFacts) {
    this.#session = session;
    this.#writer = new SnapshotWriter(session.requests, facts);
    session.pump();
  }

  /** @throws QuorateError what the disk failed with */
  async write(kind: 'engine' | 'chunk', bytes: Uint8Array): Promise<void> {
    const writer = this.#writer;
    while (!writer.ready && writer.failed === undefined) await this.#session.progress();
    if (writer.failed !== undefined) throw writer.failed;
    if (kind === 'engine') writer.writeEngine(bytes);
    else writer.write(bytes);
    this.#session.pump();
  }

  /** Durable under its name when this returns. @throws QuorateError what the disk failed with */
  async finish(): Promise<void> {
    await this.#session.run<null>((then) => this.#writer.finish(then as (e: unknown) => void));
  }

  /** Nothing of it stays. */
  abandon(): Promise<void> {
    return new Promise((resolve) => {
      this.#writer.abandon(resolve);
      this.#session.pump();
    });
  }
}
