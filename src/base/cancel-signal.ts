/**
 * Tells whoever works for a caller that nobody waits for the answer any more. It has the part of the
 * platform's AbortSignal that is used here, so that one of those serves as well; but making one of
 * those for each request of a busy server costs several µs, and this next to nothing.
 */

/** What is listened to: an AbortSignal is one. */
export interface CancelSignal {
  readonly aborted: boolean;
  /** Why it fired. */
  readonly reason: unknown;
  addEventListener(
    type: 'abort',
    listener: () => void,
    options?: { readonly once?: boolean },
  ): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** One that is fired by hand. Each listener is called once, in the order in which they came. */
export class FiredSignal implements CancelSignal {
  aborted = false;
  reason: unknown = undefined;
  #listeners: (() => void)[] = [];

  addEventListener(_type: 'abort', listener: () => void): void {
    if (!this.aborted && !this.#listeners.includes(listener)) this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
  }

  /** Fires, unless it has. What a listener throws goes to the caller, once all were called. */
  fire(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    const listeners = this.#listeners;
    this.#listeners = [];
    let failure: { readonly error: unknown } | undefined;
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
  }
}
