/**
 * Seals: what vouches for the last batch while no other follows it. See batch-format.ts for the two
 * places in which they stand.
 *
 * 1. As soon as nothing else is to be written, the twin at the end of the segment is written, not
 *    synced: the next batch need not wait for it, and should the process die it is there.
 * 2. Once the log has been idle for a tick, a seal is written behind the batch, and the twin again,
 *    now synced: from then on a power loss takes neither the batch nor what vouches for it.
 *
 * So an acknowledged batch can be taken for a torn one only if, within a tick of its sync, the power
 * goes and the disk damages this very batch. The member finds out from its leader, and stops with
 * `log-damaged`; see engine/lost-logs.ts.
 */
import type { QuorateError } from '../../base/errors.ts';
import { type BatchHead, encodeHead } from './batch-format.ts';
import type { DiskTask } from './disk-operation.ts';
import type { DiskRequests } from './disk-requests.ts';
import type { Identity } from './identity.ts';
import { blockBytes, segmentPath, segmentSeed } from './segment-format.ts';
import type { Segments } from './segments.ts';

/** What a seal says beside that it is one. */
type SealFacts = Pick<BatchHead, 'number' | 'voteSequence' | 'oldestSegment'>;

export class Seals {
  readonly #disk: DiskRequests;
  readonly #identity: Identity;
  readonly #segments: Segments;
  /** The last batch that a written twin vouches for, and the last by a synced one. */
  #written = 0;
  #synced = 0;
  /** Of the segment being written, which is the same for many seals. */
  #segment = { sequence: -1, seed: 0, path: '' };
  /** A twin is on its way; at most one is. */
  busy = false;

  constructor(disk: DiskRequests, identity: Identity, segments: Segments) {
    this.#disk = disk;
    this.#identity = identity;
    this.#segments = segments;
  }

  /** Whether nothing vouches for the batch yet. */
  lacking(number: number): boolean {
    return this.#written !== number && !this.busy;
  }

  /** Whether what vouches for the batch could be lost with the power. */
  unsafe(number: number): boolean {
    return this.#synced !== number && !this.busy;
  }

  /** Writes the twin; other batches may be written meanwhile. */
  twin(facts: SealFacts, sync: boolean, then: (error: QuorateError | null) => void): void {
    const { number } = facts;
    this.busy = true;
    this.#disk.run(this.#task(facts, this.#segments.sealPositions()[1], sync), (error) => {
      this.busy = false;
      if (error === null) {
        this.#written = number;
        if (sync) this.#synced = number;
      }
      then(error);
    });
  }

  /** Writes the seal behind the last batch: no batch may be on its way there. */
  behind(facts: SealFacts, then: (error: QuorateError | null) => void): void {
    this.#disk.run(this.#task(facts, this.#segments.sealPositions()[0], false), then);
  }

  #task(facts: SealFacts, position: number, sync: boolean): DiskTask {
    const { sequence } = this.#segments.current;
    if (this.#segment.sequence !== sequence) {
      const seed = segmentSeed(this.#identity, sequence);
      this.#segment = { sequence, seed, path: segmentPath(sequence) };
    }
    const { seed, path } = this.#segment;
    const { number, voteSequence, oldestSegment } = facts;
    const head: BatchHead = {
      kind: 'seal',
      number,
      syncedThrough: number,
      voteSequence,
      oldestSegment,
      tableBytes: 0,
      dataBytes: 0,
    };
    const seal = new Uint8Array(blockBytes);
    encodeHead(seal, head, { seed, position });
    return { type: 'write', path, position, buffers: [seal], sync };
  }
}
