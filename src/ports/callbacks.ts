/**
 * How the ports answer. They use plain callbacks, because the member's engine is driven by events
 * and a promise for each write would cost more than the write's own share of the CPU; the layers
 * above wrap them in promises where that reads better.
 *
 * Rules that hold for every callback of every port, and that the conformance suites check:
 * 1. It is called exactly once (a handler of events: once for each event), unless the process
 *    dies or the object that it belongs to says otherwise.
 * 2. It is never called before the function that was given it has returned.
 * 3. An operating error arrives as a {@link QuorateError}; a port throws only for misuse
 *    (a negative position, a closed file), which is a bug and an `AssertionError`.
 * 4. Bytes are plain `Uint8Array`s, never of a class of the platform's that behaves otherwise.
 */
import type { QuorateError } from '../base/errors.ts';

/** Takes the end of an operation that has no result: `null`, or why it failed. */
export type Done = (error: QuorateError | null) => void;

/** Takes the result of an operation, or why there is none; tell them apart by `instanceof`. */
export type Answer<T> = (answer: T | QuorateError) => void;

/** Withdraws what was asked for; harmless when it has already happened, or when called twice. */
export type Cancel = () => void;
