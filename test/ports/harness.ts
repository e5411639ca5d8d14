/**
 * What a conformance suite needs of an implementation. Suites never know whether time is real: they
 * start something, and let the world go on until a condition holds.
 */
import { QuorateError } from '../../src/base/errors.ts';
import type { Answer, Done } from '../../src/ports/callbacks.ts';
import { Limit, patienceMs } from '../processes/waiting.ts';

/** A world around the port under test. */
export interface Harness<Port> {
  readonly port: Port;
  /** Lets the world go on until `condition` holds; fails after `limitMs` of its time. */
  until(condition: () => boolean, limitMs?: number): Promise<void>;
  close(): Promise<void>;
}

/** Makes a fresh world for one test. */
export type MakeHarness<Port> = () => Promise<Harness<Port>>;

type Waits = Pick<Harness<unknown>, 'until'>;

/** The answer of an operation, or the error that it answered. */
export async function outcome<T>(
  world: Waits,
  start: (answer: Answer<T>) => void,
): Promise<T | QuorateError> {
  const answers: (T | QuorateError)[] = [];
  start((answer) => answers.push(answer));
  if (answers.length > 0) throw new Error('answered within the call');
  await world.until(() => answers.length > 0);
  if (answers.length > 1) throw new Error('answered more than once');
  return answers[0]!;
}

/** The answer of an operation that must succeed. */
export async function ask<T>(world: Waits, start: (answer: Answer<T>) => void): Promise<T> {
  const answer = await outcome(world, start);
  if (answer instanceof QuorateError) throw answer;
  return answer;
}

/** The end of an operation without a result, which must succeed. */
export async function act(world: Waits, start: (done: Done) => void): Promise<void> {
  await ask<null>(world, (answer) => start((error) => answer(error ?? null)));
}

/** The code that an operation must fail with. */
export async function failure(
  world: Waits,
  start: (end: (answer: unknown) => void) => void,
): Promise<string> {
  const answer = await outcome<unknown>(world, start);
  if (answer instanceof QuorateError) return answer.code;
  throw new Error(`expected a failure, but the answer was ${String(answer)}`);
}

/** Waits in real time, for harnesses of real implementations. */
export async function untilReal(condition: () => boolean, limitMs = patienceMs): Promise<void> {
  const limit = new Limit(limitMs);
  while (!condition()) {
    if (limit.isOver()) throw new Error(`not within ${limitMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Whether bytes are a Uint8Array and nothing more: a Buffer's `slice` would share its memory. */
export function isPlain(bytes: Uint8Array): boolean {
  return Object.getPrototypeOf(bytes) === Uint8Array.prototype;
}
