/**
 * Snapshots on their way from a leader to a member: the file's pieces as they lie on disk, each
 * named by its offset, so that a broken connection goes on where it stopped; one piece is on its
 * way at a time, and no faster than a rate, so that other messages are never held up for long.
 *
 *     begin (which) → how much is there already · piece (offset, bytes) → ok · end → ok
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { QuorateError } from '../base/errors.ts';
import { emptyBytes } from '../raft/entry.ts';
import type { InstallSnapshot } from '../raft/message.ts';
import { callKinds } from './call-kinds.ts';
import type { DiskRequests } from './log/disk-requests.ts';
import type { GroupId } from './log/log-write.ts';
import { pieceBytesMax, snapshotPath } from './log/snapshot-format.ts';
import { type ReadPiece, SnapshotReader } from './log/snapshot-reader.ts';
import { SnapshotReceiver } from './log/snapshot-receiver.ts';
import type { CallResult } from './peers/calls.ts';

/** A snapshot on its way, as both sides name it. */
interface TransferKey {
  readonly group: GroupId;
  readonly term: number;
  readonly index: number;
}

type Ask = (kind: number, payload: Uint8Array, done: (result: CallResult) => void) => void;
type AnswerCall = (result: CallResult) => void;

/** The leader's side. */
export class SnapshotSend {
  readonly message: InstallSnapshot;
  readonly group: GroupId;
  readonly #disk: DiskRequests;
  readonly #ask: Ask;
  readonly #ended: (error: QuorateError | null) => void;
  readonly #key: TransferKey;
  #reader: SnapshotReader | undefined;
  /** What may be sent now, by the rate; may fall below zero by one piece. */
  #allowance = pieceBytesMax;
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
    const { term, index } = init.message.snapshot;
    this.#key = { group: init.group, term, index };
  }

  /** Time passes: so many bytes more may leave, within a burst of as much. */
  refill(bytes: number): void {
    this.#allowance = Math.min(this.#allowance + bytes, Math.max(bytes, pieceBytesMax));
    if (!this.#waiting) this.#next();
  }

  /** Asks how much is there already, and goes on from there. It may have ended when this returns. */
  begin(): void {
    this.#ask(callKinds.snapshotBegin, encodeKey(this.#key).finish(), (result) => {
      if (!result.ok) return this.#end(result.error);
      const offset = new ByteReader(result.value).number();
      const path = snapshotPath(this.#key.group, this.#key.index);
      this.#reader = new SnapshotReader(this.#disk, path, offset);
      this.#waiting = false;
      this.#next();
    });
  }

  #next(): void {
    if (this.#allowance <= 0) return;
    this.#waiting = true;
    this.#reader!.next((piece) => {
      if (piece instanceof QuorateError) this.#end(piece);
      else this.#send(piece);
    });
  }

  #send({ offset, bytes, kind }: ReadPiece): void {
    const payload = encodeKey(this.#key).number(offset).raw(bytes).finish();
    this.#ask(callKinds.snapshotPiece, payload, (result) => {
      if (!result.ok) return this.#end(result.error);
      this.#allowance -= bytes.length;
      if (kind === 'end') return this.#finish();
      this.#waiting = false;
      this.#next();
    });
  }

  #finish(): void {
    const payload = encodeKey(this.#key).number(this.message.term).finish();
    this.#ask(callKinds.snapshotEnd, payload, (result) =>
      this.#end(result.ok ? null : result.error),
    );
  }

  #end(error: QuorateError | null): void {
    this.#waiting = true;
    this.#reader?.close();
    this.#ended(error);
  }
}

/** The receiving side: one transfer a group at a time. */
export class SnapshotReceive {
  readonly #disk: DiskRequests;
  readonly #clusterId: number;
  readonly #receivers = new Map<GroupId, SnapshotReceiver>();
  /** Pieces that were taken, whose senders wait until the disk has caught up. */
  #held: { readonly receiver: SnapshotReceiver; readonly answer: AnswerCall }[] = [];

  constructor(disk: DiskRequests, clusterId: number) {
    this.#disk = disk;
    this.#clusterId = clusterId;
  }

  /** Answers how much of it is here already. */
  begin(payload: Uint8Array, answer: AnswerCall): void {
    const key = decodeKey(new ByteReader(payload));
    const known = this.#receivers.get(key.group);
    const same = known?.expected.index === key.index && known.expected.term === key.term;
    if (known !== undefined && same && known.failed === undefined) {
      return answer({ ok: true, value: new ByteWriter(10).number(known.goodBytes).finish() });
    }
    const begin = (): void => {
      const expected = { clusterId: this.#clusterId, ...key };
      this.#receivers.set(key.group, new SnapshotReceiver(this.#disk, expected));
      answer({ ok: true, value: new ByteWriter(10).number(0).finish() });
    };
    if (known === undefined) return begin();
    this.#receivers.delete(key.group);
    known.abandon(begin);
  }

  /** @throws QuorateError `unknown-transfer`, `snapshot-damaged` */
  piece(payload: Uint8Array, answer: AnswerCall): void {
    const reader = new ByteReader(payload);
    const receiver = this.#receiver(decodeKey(reader));
    const offset = reader.number();
    const wrong = receiver.take(offset, reader.raw(reader.remaining)) ?? receiver.failed;
    if (wrong !== undefined) throw wrong;
    this.#held.push({ receiver, answer });
    this.releaseHeld();
  }

  /** Answers the pieces for which the disk has made room again. */
  releaseHeld(): void {
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = held.filter(({ receiver }) => !receiver.ready && receiver.failed === undefined);
    for (const each of held) {
      const { receiver, answer } = each;
      if (receiver.failed !== undefined) answer({ ok: false, error: receiver.failed });
      else if (receiver.ready) answer({ ok: true, value: emptyBytes });
    }
  }

  /** All pieces are here: `received` gets the message once they are durable. */
  end(
    payload: Uint8Array,
    answer: AnswerCall,
    received: (group: GroupId, message: Omit<InstallSnapshot, 'from' | 'to'>) => void,
  ): void {
    const reader = new ByteReader(payload);
    const key = decodeKey(reader);
    const messageTerm = reader.number();
    const receiver = this.#receiver(key);
    if (!receiver.complete) throw unknownTransfer();
    this.#receivers.delete(key.group);
    receiver.finish((error) => {
      if (error !== null) return answer({ ok: false, error });
      const { group, term, index } = key;
      const { configuration } = receiver.facts!;
      const snapshot = { term, index, configuration, data: emptyBytes };
      received(group, { type: 'snapshot', term: messageTerm, snapshot });
      answer({ ok: true, value: emptyBytes });
    });
  }

  #receiver({ group, term, index }: TransferKey): SnapshotReceiver {
    const receiver = this.#receivers.get(group);
    const { expected } = receiver ?? {};
    if (receiver === undefined || expected?.index !== index || expected.term !== term) {
      throw unknownTransfer();
    }
    return receiver;
  }
}

function unknownTransfer(): QuorateError {
  return new QuorateError('unknown-transfer', 'the transfer of a snapshot has to begin anew');
}

function encodeKey({ group, term, index }: TransferKey): ByteWriter {
  return new ByteWriter(64).number(group).number(term).number(index);
}

function decodeKey(reader: ByteReader): TransferKey {
  return { group: reader.number(), term: reader.number(), index: reader.number() };
}
