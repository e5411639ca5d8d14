/**
 * Nothing is acknowledged and no vote leaves before its fsync is done (invariant 6 of
 * reliability.md), looked at whenever a message leaves, not only when a crash has shown it: a ledger
 * beside each process reads what its member writes to the log and to the votes, and counts it from
 * when a sync that was begun later is done. What the member itself believes is not asked.
 */
import type { BatchHead } from '../../engine/log/batch-format.ts';
import { readTable, type TableVisitor } from '../../engine/log/batch-table.ts';
import { readUint32, readWide } from '../../engine/log/fixed-numbers.ts';
import type { Done } from '../../ports/callbacks.ts';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import type { Message } from '../../raft/message.ts';
import type { Findings } from './findings.ts';

/** Where the parts of a batch stand that are needed here; see `batch-format.ts`, `vote-format.ts`. */
const batch = { magic: 0x31425121, kindAt: 56, tableBytesAt: 48, tableAt: 64 } as const;
const batchKind: BatchHead['kind'] = 'batch';
const kindNumbers: readonly BatchHead['kind'][] = ['batch', 'seal'];
const votes = { magic: 0x65746f56, countAt: 32, rowsAt: 40, rowBytes: 25 } as const;

/** What of a group is durable. */
interface Durable {
  lastIndex: number;
  term: number;
  vote: number;
}

/** What one process has made durable. */
export class DurableLedger {
  readonly #groups = new Map<number, Durable>();

  /** How a group stands when it is opened: recovery has synced what it found. */
  begin(group: number, found: Durable): void {
    const known = this.#group(group);
    known.lastIndex = Math.max(known.lastIndex, found.lastIndex);
    if (found.term > known.term) Object.assign(known, { term: found.term, vote: found.vote });
  }

  /** The last entry of a group's log that is durable. */
  lastIndex(group: number): number {
    return this.#group(group).lastIndex;
  }

  /** Why a message must not leave yet, if so. */
  tooEarly(group: number, message: Message): string | undefined {
    const { lastIndex, term, vote } = this.#group(group);
    if (message.type === 'append-reply' && !message.rejected && message.index > lastIndex) {
      return `acknowledges entry ${message.index}, durable is ${lastIndex}`;
    }
    if (message.type !== 'vote-reply' || !message.granted) return undefined;
    // A vote of a later term may have been kept since.
    const kept = term > message.term || (term === message.term && vote === message.to);
    if (kept) return undefined;
    return `votes for ${message.to} in term ${message.term}, durable is ${vote} in term ${term}`;
  }

  /** The same disk, with what becomes durable read along. */
  watch(disk: Disk): Disk {
    return {
      makeDirectory: (path, done) => disk.makeDirectory(path, done),
      list: (path, answer) => disk.list(path, answer),
      stat: (path, answer) => disk.stat(path, answer),
      open: (path, mode, answer) => {
        const isLog = /(^|\/)log\/[^/]*\.log$/.test(path);
        const isVotes = /(^|\/)vote$/.test(path);
        if (!isLog && !isVotes) return disk.open(path, mode, answer);
        disk.open(path, mode, (file) => {
          answer(file instanceof Error ? file : this.#watchFile(file, isVotes));
        });
      },
      readWhole: (path, bytesMax, answer) => disk.readWhole(path, bytesMax, answer),
      writeAtomically: (path, content, done) =>
        disk.writeAtomically(path, content, (error) => {
          if (error === null && /(^|\/)vote$/.test(path)) this.#votes(content);
          done(error);
        }),
      rename: (from, to, done) => disk.rename(from, to, done),
      remove: (path, done) => disk.remove(path, done),
      syncDirectory: (path, done) => disk.syncDirectory(path, done),
      space: (answer) => disk.space(answer),
      lock: (path, answer) => disk.lock(path, answer),
    };
  }

  #watchFile(file: DiskFile, isVotes: boolean): DiskFile {
    /** Written, not yet synced. */
    let written: Uint8Array[] = [];
    const note = (bytes: Uint8Array): void => (isVotes ? this.#votes(bytes) : this.#batch(bytes));
    return {
      path: file.path,
      write: (buffers, position, done) => {
        const head = headOf(buffers);
        file.write(buffers, position, (error) => {
          if (error === null) written.push(head);
          done(error);
        });
      },
      writeAndSync: (buffers, position, done) => {
        const head = headOf(buffers);
        file.writeAndSync(buffers, position, (error) => {
          if (error === null) note(head);
          done(error);
        });
      },
      sync: (done: Done) => {
        const before = written;
        written = [];
        file.sync((error) => {
          if (error === null) before.forEach(note);
          done(error);
        });
      },
      preallocate: (sizeBytes, done) => file.preallocate(sizeBytes, done),
      read: (into, position, answer) => file.read(into, position, answer),
      truncate: (sizeBytes, done) => file.truncate(sizeBytes, done),
      size: (answer) => file.size(answer),
      close: (done) => file.close(done),
    };
  }

  #batch(bytes: Uint8Array): void {
    if (bytes.length < batch.tableAt || readUint32(bytes, 0) !== batch.magic) return;
    if (kindNumbers[readUint32(bytes, batch.kindAt)] !== batchKind) return;
    const tableEnd = batch.tableAt + readUint32(bytes, batch.tableBytesAt);
    readTable(bytes.subarray(batch.tableAt, tableEnd), this.#visitor);
  }

  readonly #visitor: TableVisitor = {
    entries: (group, firstIndex, count) => {
      this.#group(group).lastIndex = firstIndex + count - 1;
    },
    entry: () => {},
    state: () => {},
    base: () => {},
    reset: (group, { index }) => {
      this.#group(group).lastIndex = index;
    },
    checkpoint: () => {},
    removed: (group) => {
      this.#groups.delete(group);
    },
  };

  #votes(bytes: Uint8Array): void {
    if (bytes.length < votes.rowsAt || readUint32(bytes, 0) !== votes.magic) return;
    const count = readUint32(bytes, votes.countAt);
    for (let row = 0; row < count; row++) {
      const at = votes.rowsAt + row * votes.rowBytes;
      const known = this.#group(readWide(bytes, at));
      known.term = readWide(bytes, at + 8);
      known.vote = readWide(bytes, at + 16);
    }
  }

  #group(group: number): Durable {
    let known = this.#groups.get(group);
    if (known === undefined) {
      known = { lastIndex: 0, term: 0, vote: 0 };
      this.#groups.set(group, known);
    }
    return known;
  }
}

/** Looks at what leaves a member. */
export function checkDurable(
  findings: Findings,
  ledger: DurableLedger,
  leaving: { readonly name: string; readonly group: number; readonly message: Message },
): void {
  const { name, group, message } = leaving;
  const wrong = ledger.tooEarly(group, message);
  if (wrong === undefined) return;
  findings.report('not-durable', `${name}, group ${group}, term ${message.term}: ${wrong}`);
}

/** The head and the table of a batch, or the votes: what comes before entries' data. */
function headOf(buffers: readonly Uint8Array[]): Uint8Array {
  const total = buffers.reduce((sum, { length }) => sum + length, 0);
  const [first] = buffers;
  if (first === undefined) return new Uint8Array(0);
  const isBatch = first.length >= batch.tableAt && readUint32(first, 0) === batch.magic;
  const wanted = isBatch ? batch.tableAt + readUint32(first, batch.tableBytesAt) : total;
  const head = new Uint8Array(Math.min(wanted, total));
  let at = 0;
  for (const buffer of buffers) {
    if (at >= head.length) break;
    head.set(buffer.subarray(0, head.length - at), at);
    at += buffer.length;
  }
  return head;
}
