/**
 * The engine's door to its disk: operations go out as data, results come in by number, and whoever
 * asked goes on from there. One for a member, shared by log, snapshots and the rest.
 */
import { assert } from '../../base/assert.ts';
import { QuorateError } from '../../base/errors.ts';
import type { FileFacts, Space } from '../../ports/disk.ts';
import type { DiskOperation, DiskResult, DiskTask } from './disk-operation.ts';

type Continuation = (result: DiskResult) => void;

export class DiskRequests {
  #lastId = 0;
  #outgoing: DiskOperation[] = [];
  readonly #waiting = new Map<number, Continuation>();

  /** How many operations are not finished, those not yet taken included. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** Asks for a task; `then` gets its end, in the call of {@link complete} that reports it. */
  ask(task: DiskTask, then: Continuation): void {
    const id = ++this.#lastId;
    this.#waiting.set(id, then);
    this.#outgoing.push({ id, task });
  }

  /** {@link ask} for a task without an answer. */
  run(task: DiskTask, then: (error: QuorateError | null) => void): void {
    this.ask(task, (result) => then(result instanceof QuorateError ? result : null));
  }

  /** {@link ask} for bytes. */
  bytes(task: DiskTask, then: (result: Uint8Array | QuorateError) => void): void {
    this.ask(task, (result) => {
      assert(result instanceof Uint8Array || result instanceof QuorateError, 'no bytes came');
      then(result);
    });
  }

  /** {@link ask} for the names in a directory. */
  names(path: string, then: (result: readonly string[] | QuorateError) => void): void {
    this.ask({ type: 'list', path }, (result) => {
      assert(Array.isArray(result) || result instanceof QuorateError, 'no names came');
      then(result);
    });
  }

  /** {@link ask} for a file's facts. */
  facts(path: string, then: (result: FileFacts | QuorateError) => void): void {
    this.ask({ type: 'stat', path }, (result) => {
      if (!(result instanceof QuorateError)) {
        assert(result !== null && 'kind' in result, 'no facts came');
      }
      then(result);
    });
  }

  /** {@link ask} for the space on the volume. */
  space(then: (result: Space | QuorateError) => void): void {
    this.ask({ type: 'space' }, (result) => {
      if (!(result instanceof QuorateError)) {
        assert(result !== null && 'freeBytes' in result, 'no space came');
      }
      then(result);
    });
  }

  /**
   * Runs tasks one after the other, each begun when the one before is done; stops at the first
   * that fails.
   */
  inOrder(tasks: readonly DiskTask[], then: (error: QuorateError | null) => void): void {
    const [first, ...rest] = tasks;
    if (first === undefined) {
      then(null);
      return;
    }
    this.run(first, (error) => {
      if (error === null) this.inOrder(rest, then);
      else then(error);
    });
  }

  /** The operations asked for since the last call, in the order of asking. */
  take(): readonly DiskOperation[] {
    const taken = this.#outgoing;
    if (taken.length > 0) this.#outgoing = [];
    return taken;
  }

  /** Reports the end of an operation, once. */
  complete(id: number, result: DiskResult): void {
    const continuation = this.#waiting.get(id);
    assert(continuation !== undefined, () => `disk operation ${id} is not under way`);
    this.#waiting.delete(id);
    continuation(result);
  }
}
