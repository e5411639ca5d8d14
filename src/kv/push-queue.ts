/** A bounded queue from callbacks to `for await`: whoever pushes is told when it is full. */
import type { QuorateError } from '../base/errors.ts';

export class PushQueue<T> implements AsyncIterable<T> {
  readonly #limit: number;
  #items: T[] = [];
  #error: QuorateError | undefined;
  #wake: () => void = () => {};
  #room: () => void = () => {};

  /** @param limit items from which on {@link PushQueue.push} says that there is no room */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Called when there is room again. */
  onRoom(listener: () => void): void {
    this.#room = listener;
  }

  /** Takes the item in any case; false: no more, please, before there is room. */
  push(item: T): boolean {
    this.#items.push(item);
    this.#wake();
    return this.#items.length < this.#limit;
  }

  /** What was pushed before is still given out, then the walk fails. */
  fail(error: QuorateError): void {
    this.#error ??= error;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    for (;;) {
      const items = this.#items;
      this.#items = [];
      if (items.length >= this.#limit) this.#room();
      yield* items;
      if (this.#items.length > 0) continue;
      if (this.#error !== undefined) throw this.#error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
