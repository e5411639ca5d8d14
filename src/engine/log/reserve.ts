/**
 * The reserve: a file that only takes up space, so that there is some to give up when the disk is
 * full. A member that had to give it up takes no new proposals, but can still write what it must,
 * take a snapshot and compact, which is what makes room again.
 */
import { QuorateError } from '../../base/errors.ts';
import type { DiskRequests } from './disk-requests.ts';

export const reservePath = 'reserve';

export class Reserve {
  readonly #disk: DiskRequests;
  readonly #bytes: number;
  /** `absent`: given up, or there was never room for it. */
  state: 'kept' | 'making' | 'absent' = 'absent';

  constructor(disk: DiskRequests, bytes: number) {
    this.#disk = disk;
    this.#bytes = bytes;
    if (bytes === 0) this.state = 'kept';
  }

  /**
   * Makes the reserve unless it is there; it is no error when there is no room. Only where more
   * than `besidesBytes` stay free, since taking the last space would help nobody.
   */
  make(besidesBytes: number, then: (error: QuorateError | null) => void): void {
    if (this.state !== 'absent') return then(null);
    this.state = 'making';
    const finish = (made: boolean, error: QuorateError | null): void => {
      this.state = made ? 'kept' : 'absent';
      then(error);
    };
    this.#disk.facts(reservePath, (facts) => {
      if (!(facts instanceof QuorateError) && facts.sizeBytes === this.#bytes) {
        return finish(true, null);
      }
      this.#disk.space((space) => {
        if (space instanceof QuorateError) return finish(false, space);
        if (space.freeBytes < this.#bytes + besidesBytes) return finish(false, null);
        const create = { type: 'create' as const, path: reservePath, sizeBytes: this.#bytes };
        this.#disk.run(create, (error) => {
          if (error === null) finish(true, null);
          else this.#remove(() => finish(false, isFull(error) ? null : error));
        });
      });
    });
  }

  /** Gives the space back. */
  giveUp(then: () => void): void {
    this.state = 'making';
    this.#remove(() => {
      this.state = 'absent';
      then();
    });
  }

  /** Whether it is there or not, afterwards it is not, as far as that can be had. */
  #remove(then: () => void): void {
    this.#disk.run({ type: 'remove', path: reservePath }, () => then());
  }
}

/** Whether an operation failed for want of space. */
export function isFull(error: QuorateError): boolean {
  return error.code === 'disk-full' || error.code === 'short-write';
}
