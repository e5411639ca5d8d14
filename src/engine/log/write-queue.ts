/**
 * Writes that wait for the next batch, in the order of their tickets. One that is too large for a
 * batch goes into several: its beginning is then durable before its end, which harms nobody, for
 * it is reported when all of it is.
 */
import { ENTRY_OVERHEAD_BYTES } from '../../raft/entry.ts';
import { entryHeadBytesMax, recordBytesMax } from './batch-table.ts';
import type { GroupLog } from './group-log.ts';
import type { GroupWrite, Ticket } from './log-write.ts';
import { batchOverheadBytes, blockBytes } from './segment-format.ts';

interface Waiting {
  readonly group: GroupLog;
  readonly write: GroupWrite;
  readonly ticket: Ticket;
  /** Entries before this one have gone into a batch. */
  from: number;
}

/** A write, or a part of one, that goes into the next batch. */
export interface Part {
  readonly group: GroupLog;
  readonly write: GroupWrite;
  readonly from: number;
  readonly to: number;
  /** The write's ticket where this is its end. */
  readonly ticket: Ticket | undefined;
}

/** What a batch with these parts takes at most. */
export interface Taken {
  readonly parts: readonly Part[];
  readonly bytes: number;
}

export class WriteQueue {
  readonly #batchBytesMax: number;
  #waiting: Waiting[] = [];
  /** The bytes of all that waits, roughly; for limits above the log. */
  bytes = 0;

  constructor(batchBytesMax: number) {
    this.#batchBytesMax = batchBytesMax;
  }

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  add(group: GroupLog, write: GroupWrite, ticket: Ticket): void {
    this.#waiting.push({ group, write, ticket, from: 0 });
    group.queued++;
    this.bytes += waitingBytes(write, 0, write.entries.length);
  }

  /** Takes as much as one batch may carry, at least one entry. */
  take(): Taken {
    const parts: Part[] = [];
    let bytes = batchOverheadBytes;
    let done = 0;
    for (const waiting of this.#waiting) {
      const { group, write, ticket, from } = waiting;
      const { entries } = write;
      bytes += 2 * recordBytesMax;
      let to = from;
      while (to < entries.length) {
        const more = entryHeadBytesMax + entries[to]!.data.length;
        if (bytes + more > this.#batchBytesMax && (parts.length > 0 || to > from)) break;
        bytes += more;
        to++;
      }
      const ends = to === entries.length;
      if (to > from || ends) {
        parts.push({ group, write, from, to, ticket: ends ? ticket : undefined });
        this.bytes -= waitingBytes(write, from, to);
        waiting.from = to;
      }
      if (!ends) break;
      done++;
    }
    this.#waiting = done === this.#waiting.length ? [] : this.#waiting.slice(done);
    return { parts, bytes: Math.ceil(bytes / blockBytes) * blockBytes };
  }
}

function waitingBytes({ entries }: GroupWrite, from: number, to: number): number {
  let bytes = 0;
  for (let i = from; i < to; i++) bytes += ENTRY_OVERHEAD_BYTES + entries[i]!.data.length;
  return bytes;
}
