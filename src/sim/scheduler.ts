/**
 * Virtual time and what happens in it: takes the next event from the heap, moves time to it, and
 * lets it happen, unless the process it belongs to is dead or paused. Everything in a world, down to
 * the delay of a packet, is planned here or drawn from a generator made here, so that a run is a
 * function of its seed.
 */
import { crc32c } from '../base/crc32c.ts';
import { SeededRandom } from '../base/seeded-random.ts';
import { EventHeap, type EventTicket } from './event-heap.ts';

/** Whose an event is: it happens only while its owner lives, and waits while that is paused. */
export interface Owner {
  readonly name: string;
  readonly alive: boolean;
  readonly paused: boolean;
  /** Keeps an event that came due during a pause, for the end of it. */
  defer(label: string, action: () => void): void;
}

/** Something thrown by simulated code, with the words that lead back to the moment. */
export class SimulationError extends Error {
  override readonly name = 'SimulationError';
  readonly seed: number;
  readonly timeMs: number;
  readonly step: number;

  constructor(
    message: string,
    facts: { seed: number; timeMs: number; step: number; cause?: unknown },
  ) {
    const where = `seed ${facts.seed}, step ${facts.step}, ${facts.timeMs.toFixed(3)} ms`;
    super(`${message} (${where})`, { cause: facts.cause });
    this.seed = facts.seed;
    this.timeMs = facts.timeMs;
    this.step = facts.step;
  }
}

/** Gets a line for everything that happens: see {@link Scheduler.note}. */
export type EventListener = (line: string) => void;

/** See above. */
export class Scheduler {
  readonly seed: number;
  /** Virtual milliseconds since the world began. */
  nowMs = 0;
  /** How many events have happened. */
  steps = 0;
  readonly #heap = new EventHeap<Owner>();
  readonly #onEvent: EventListener | undefined;
  readonly #timeBits = new Float64Array(1);
  readonly #timeWords = new Uint32Array(this.#timeBits.buffer);
  #digestA = 0x811c9dc5;
  #digestB = 0x9e3779b9;

  constructor(seed: number, onEvent?: EventListener) {
    this.seed = seed;
    this.#onEvent = onEvent;
  }

  /** A number that two runs share only if the same happened in both, as good as surely. */
  get digest(): string {
    const word = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
    return word(this.#digestA) + word(this.#digestB);
  }

  /** Events that wait. */
  get pending(): number {
    return this.#heap.size;
  }

  /** A generator of its own for a purpose, the same whatever else was asked for before. */
  randomFor(purpose: string): SeededRandom {
    const base = new SeededRandom(this.seed);
    const name = crc32c(new TextEncoder().encode(purpose));
    const high = (base.uint32() ^ name) & 0x1fffff;
    const low = (base.uint32() ^ Math.imul(name, 0x9e3779b1)) >>> 0;
    return new SeededRandom(high * 2 ** 32 + low);
  }

  /** Plans an event `delayMs` ≥ 0 from now; `label` is a constant that says what it is. */
  plan(delayMs: number, owner: Owner | null, label: string, action: () => void): EventTicket {
    return this.#heap.push(this.nowMs + delayMs, owner, label, action);
  }

  cancel(ticket: EventTicket): void {
    this.#heap.cancel(ticket);
  }

  /** When the next event is due; infinite if none is planned. */
  nextTimeMs(): number {
    return this.#heap.nextTime();
  }

  /** Lets the next event happen; answers whether there was one. */
  step(): boolean {
    const heap = this.#heap;
    const action = heap.pop();
    if (action === undefined) return false;
    this.nowMs = heap.time;
    const { owner, label } = heap;
    if (owner !== null) {
      if (!owner.alive) return true;
      if (owner.paused) {
        owner.defer(label, action);
        return true;
      }
    }
    this.steps++;
    this.#timeBits[0] = heap.time;
    this.#mix(this.#timeWords[0]! ^ this.#timeWords[1]!);
    this.#mix(heap.sequence | 0);
    if (this.#onEvent !== undefined) this.#tell(owner, label);
    try {
      action();
    } catch (error) {
      throw this.failure(`${owner?.name ?? 'world'}: ${label}: ${String(error)}`, error);
    }
    return true;
  }

  /**
   * Adds a fact of an event to the digest and, if somebody listens, to the log: what was drawn,
   * sent or decided. `detail` is called only for the log.
   */
  note(value: number, detail: () => string): void {
    this.#mix(value | 0);
    this.#onEvent?.(`${this.nowMs.toFixed(6)}   ${detail()}`);
  }

  /** Whether somebody listens: for details that cost something. */
  get listening(): boolean {
    return this.#onEvent !== undefined;
  }

  failure(message: string, cause?: unknown): SimulationError {
    if (cause instanceof SimulationError) return cause;
    return new SimulationError(message, {
      seed: this.seed,
      timeMs: this.nowMs,
      step: this.steps,
      cause,
    });
  }

  #tell(owner: Owner | null, label: string): void {
    const { sequence } = this.#heap;
    this.#onEvent?.(`${this.nowMs.toFixed(6)} #${sequence} ${owner?.name ?? 'world'} ${label}`);
  }

  #mix(value: number): void {
    this.#digestA = Math.imul(this.#digestA ^ value, 0x01000193);
    this.#digestB = Math.imul(this.#digestB ^ (value + (this.#digestA >>> 15)), 0x85ebca6b);
  }
}
