/**
 * Snapshots on their way from a leader to a member: its file's bytes in pieces, each asked for by
 * offset, so that a broken connection goes on where it stopped; one piece is on its way at a time,
 * and no faster than a rate, so that other messages are never held up for long.
 *
 *     begin (what, how large) → how much is there already · piece (offset, bytes) → ok · end → ok
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { QuorateError } from '../base/errors.ts';
import type { MemberId } from '../raft/entry.ts';
import type { InstallSnapshot } from '../raft/message.ts';
import { callKinds } from './call-kinds.ts';
import type { DiskRequests } from './log/disk-requests.ts';
import type { GroupId } from './log/log-write.ts';
import type { CallResult } from './peers/calls.ts';
import type { SnapshotFiles } from './snapshot-files.ts';
import { SNAPSHOT_DIRECTORY, snapshotPath } from './snapshot-format.ts';

const PIECE_BYTES = 2 ** 18;

/** A snapshot on its way, as both sides name it. */
export interface TransferKey {
  readonly group: GroupId;
  readonly term: number;
  readonly index: number;
  readonly sizeBytes: number;
}

type Ask = (kind: number, payload: Uint8Array, done: (result: CallResult) => void) => void;

/** The leader's side. */
export class SnapshotSend {
  readonly message: InstallSnapshot;
  readonly group: GroupId;
  readonly #disk: DiskRequests;
  readonly #ask: Ask;
  readonly #ended: (error: QuorateError | null) => void;
  #key: TransferKey | undefined;
  #offset = 0;
  /** What may be sent now, by the rate; may fall below zero by one piece. */
  #allowance = PIECE_BYTES;
  #waiting = true;

  constructor(init: {
    readonly disk: DiskRequests;
    readonly group: GroupId;
    readonly message: InstallSnapshot;
    readonly ask: Ask;
    readonly ended: (error: QuorateError | null) => void;
  }) {
    this.#disk = init.disk;
    this.group = init.group;
    this.message = init.message;
    this.#ask = init.ask;
    this.#ended = init.ended;
    this.#begin();
  }

  /** Time passes: so many bytes more may leave, within a burst of as much. */
  refill(bytes: number): void {
    this.#allowance = Math.min(this.#allowance + bytes, Math.max(bytes, PIECE_BYTES));
    if (!this.#waiting) this.#next();
  }

  get #path(): string {
    return snapshotPath(this.group, this.message.snapshot.index);
  }

  #begin(): void {
    this.#disk.facts(this.#path, (facts) => {
      if (facts instanceof QuorateError) return this.#ended(facts);
      const { term, index } = this.message.snapshot;
      this.#key = { group: this.group, term, index, sizeBytes: facts.sizeBytes };
      this.#ask(callKinds.snapshotBegin, encodeKey(this.#key).finish(), (result) => {
        if (!result.ok) return this.#ended(result.error);
        this.#offset = Math.min(new ByteReader(result.value).number(), facts.sizeBytes);
        this.#waiting = false;
        this.#next();
      });
    });
  }

  #next(): void {
    const key = this.#key!;
    if (this.#offset === key.sizeBytes) return this.#end(key);
    if (this.#allowance <= 0) return;
    this.#waiting = true;
    const lengthBytes = Math.min(PIECE_BYTES, key.sizeBytes - this.#offset);
    const piece = { type: 'read', path: this.#path, position: this.#offset, lengthBytes } as const;
    this.#disk.bytes(piece, (bytes) => {
      if (bytes instanceof QuorateError) return this.#ended(bytes);
      const payload = encodeKey(key).number(this.#offset).raw(bytes).finish();
      this.#ask(callKinds.snapshotPiece, payload, (result) => {
        if (!result.ok) return this.#ended(result.error);
        this.#offset += bytes.length;
        this.#allowance -= bytes.length;
        this.#waiting = false;
        this.#next();
      });
    });
  }

  #end(key: TransferKey): void {
    this.#waiting = true;
    const { term } = this.message;
    const payload = encodeKey(key).number(term).finish();
    this.#ask(callKinds.snapshotEnd, payload, (result) =>
      this.#ended(result.ok ? null : result.error),
    );
  }
}

/** The receiving side: one transfer a group at a time. */
export class SnapshotReceive {
  readonly #disk: DiskRequests;
  readonly #files: SnapshotFiles;
  readonly #current = new Map<GroupId, { readonly name: string; offset: number }>();

  constructor(disk: DiskRequests, files: SnapshotFiles) {
    this.#disk = disk;
    this.#files = files;
  }

  /** Answers how much of it is here already. */
  begin(from: MemberId, payload: Uint8Array, answer: (result: CallResult) => void): void {
    const key = decodeKey(new ByteReader(payload));
    const path = partPath(from, key);
    const begun = (offset: number): void => {
      this.#current.set(key.group, { name: path, offset });
      answer({ ok: true, value: new ByteWriter(10).number(offset).finish() });
    };
    this.#disk.facts(path, (facts) => {
      if (!(facts instanceof QuorateError)) return begun(Math.min(facts.sizeBytes, key.sizeBytes));
      this.#disk.run({ type: 'create', path, sizeBytes: 0 }, (error) => {
        if (error === null) begun(0);
        else answer({ ok: false, error });
      });
    });
  }

  piece(from: MemberId, payload: Uint8Array, answer: (result: CallResult) => void): void {
    const reader = new ByteReader(payload);
    const key = decodeKey(reader);
    const offset = reader.number();
    const bytes = reader.raw(reader.remaining);
    const current = this.#expected(from, key, offset);
    const write = {
      type: 'write',
      path: current.name,
      position: offset,
      buffers: [bytes],
      sync: false,
    } as const;
    this.#disk.run(write, (error) => {
      if (error !== null) return answer({ ok: false, error });
      current.offset = offset + bytes.length;
      answer({ ok: true, value: nothing });
    });
  }

  /** All pieces are here: checks them and keeps the snapshot; `received` gets the message. */
  end(
    from: MemberId,
    payload: Uint8Array,
    answer: (result: CallResult) => void,
    received: (group: GroupId, message: Omit<InstallSnapshot, 'from' | 'to'>) => void,
  ): void {
    const reader = new ByteReader(payload);
    const key = decodeKey(reader);
    const messageTerm = reader.number();
    const { name } = this.#expected(from, key, key.sizeBytes);
    this.#current.delete(key.group);
    const { group, term, index } = key;
    this.#disk.run({ type: 'sync', path: name }, (error) => {
      if (error !== null) return answer({ ok: false, error });
      this.#files.read(
        name,
        () => {},
        (head) => {
          const wrong = head instanceof QuorateError ? head : mismatch(head, key);
          if (wrong !== undefined) return this.#discard(name, wrong, answer);
          const { configuration } = head as Exclude<typeof head, QuorateError>;
          this.#disk.run({ type: 'close', path: name }, () => {
            this.#files.publish(name, { group, index }, (failed) => {
              if (failed !== null) return answer({ ok: false, error: failed });
              const snapshot = { term, index, configuration, data: nothing };
              received(group, { type: 'snapshot', term: messageTerm, snapshot });
              answer({ ok: true, value: nothing });
            });
          });
        },
      );
    });
  }

  #discard(path: string, error: QuorateError, answer: (result: CallResult) => void): void {
    this.#disk.run({ type: 'remove', path }, () => answer({ ok: false, error }));
  }

  #expected(from: MemberId, key: TransferKey, offset: number): { name: string; offset: number } {
    const current = this.#current.get(key.group);
    if (current?.name !== partPath(from, key) || current.offset !== offset) {
      throw new QuorateError('unknown-transfer', 'the transfer of a snapshot has to begin anew');
    }
    return current;
  }
}

function mismatch(head: TransferHead, key: TransferKey): QuorateError | undefined {
  const same = head.group === key.group && head.term === key.term && head.index === key.index;
  return same ? undefined : new QuorateError('snapshot-damaged', 'another snapshot than announced');
}

type TransferHead = Omit<TransferKey, 'sizeBytes'>;

/** A part is only gone on with if it is of the same file of the same member. */
function partPath(from: MemberId, { group, term, index, sizeBytes }: TransferKey): string {
  return `${SNAPSHOT_DIRECTORY}/${group}-${index}-${term}-${from}-${sizeBytes}.part`;
}

function encodeKey({ group, term, index, sizeBytes }: TransferKey): ByteWriter {
  return new ByteWriter(64).number(group).number(term).number(index).number(sizeBytes);
}

function decodeKey(reader: ByteReader): TransferKey {
  const [group, term, index, sizeBytes] = [
    reader.number(),
    reader.number(),
    reader.number(),
    reader.number(),
  ];
  return { group, term, index, sizeBytes };
}

const nothing = new Uint8Array(0);
