/** Carries out the engine's disk requests where no member runs: for founding, repairing, restoring. */
import { QuorateError } from '../base/errors.ts';
import { DiskRequests } from '../engine/log/disk-requests.ts';
import type { Disk } from '../ports/disk.ts';
import { DiskDriver } from './disk-driver.ts';

export class DiskSession {
  readonly requests = new DiskRequests();
  readonly #driver: DiskDriver;
  #waiting: (() => void)[] = [];

  constructor(disk: Disk) {
    this.#driver = new DiskDriver(disk);
  }

  /** Hands on what was asked for. */
  pump(): void {
    for (const operation of this.requests.take()) {
      this.#driver.run(operation, (result) => {
        this.requests.complete(operation.id, result);
        this.pump();
        const waiting = this.#waiting;
        this.#waiting = [];
        for (const each of waiting) each();
      });
    }
  }

  /** What is begun, once it has ended. @throws what it ends with, if that is an error */
  run<T>(begin: (then: (result: T | QuorateError) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      begin((result) => (result instanceof QuorateError ? reject(result) : resolve(result)));
      this.pump();
    });
  }

  /** When another operation has ended: something must be under way. */
  progress(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.pump();
    });
  }

  /** Closes the files. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#driver.close(resolve));
  }
}
