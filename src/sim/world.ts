/**
 * A simulated world: nodes, a network between them, and time that passes only from event to event.
 * Programs run on its ports as they do on real ones, through whatever faults a test brings, and a
 * run can be repeated from its seed, event by event.
 *
 * @example
 * ```ts
 * import { World } from 'quorate/sim';
 *
 * const world = new World({ seed: 7 });
 * let rang = false;
 * world.node('a').run(({ clock }) => {
 *   clock.after(500, () => {
 *     rang = true;
 *   });
 * });
 * world.network.partition(['a'], ['b', 'c']);
 * world.runUntil(() => rang, { limitMs: 10_000 });
 * ```
 */
import type { SeededRandom } from '../base/seeded-random.ts';
import { type LinkFaults, SimNetwork } from './network.ts';
import { type EventListener, Scheduler } from './scheduler.ts';
import { type NodeOptions, SimNode } from './sim-node.ts';
import { trapNondeterminism } from './trap.ts';

/** How a world is made. */
export interface WorldOptions {
  /** Any whole number in 0 … 2^53 − 1. */
  readonly seed: number;
  /** Faults of the network from the beginning; none by default. */
  readonly network?: Partial<LinkFaults>;
  /** How many times longer everything is under way between nodes; 1 by default. */
  readonly networkSlowness?: number;
  /** What nodes are made like, unless they are asked for otherwise. */
  readonly nodes?: NodeOptions;
  /** Gets a line for everything that happens: the same lines whenever the seed is the same. */
  readonly onEvent?: EventListener;
  /** Whether real time, randomness and I/O throw while the world runs; see `trapNondeterminism`. */
  readonly trap?: boolean;
}

/** For how long a world may run. */
export interface Limits {
  /** Virtual milliseconds from now; then it fails. */
  readonly limitMs: number;
}

/** Virtual time that may pass before promises are settled, where not every event does it. */
const settlingMs = 0.2;

/** A turn of the real event loop, in which all promises that can be settled are. */
type EndOfRealTurn = (callback: () => void) => unknown;
const endOfRealTurn: EndOfRealTurn = globalThis.setImmediate ?? globalThis.setTimeout;

/** See above. */
export class World {
  readonly seed: number;
  readonly network: SimNetwork;
  /** For what a test draws itself: workload, and when faults come. */
  readonly random: SeededRandom;
  readonly #scheduler: Scheduler;
  readonly #nodes = new Map<string, SimNode>();
  readonly #nodeOptions: NodeOptions;
  readonly #trap: boolean;
  #settleNow = false;

  constructor(options: WorldOptions) {
    this.seed = options.seed;
    this.#scheduler = new Scheduler(options.seed, options.onEvent);
    this.network = new SimNetwork(this.#scheduler, options.network, options.networkSlowness);
    this.random = this.#scheduler.randomFor('test');
    this.#nodeOptions = options.nodes ?? {};
    this.#trap = options.trap ?? false;
  }

  /** Virtual milliseconds since the beginning. */
  get nowMs(): number {
    return this.#scheduler.nowMs;
  }

  /** How many events have happened. */
  get steps(): number {
    return this.#scheduler.steps;
  }

  /** Differs, as good as surely, between two runs in which not the same has happened. */
  get digest(): string {
    return this.#scheduler.digest;
  }

  /** All nodes, in the order in which they were made. */
  get nodes(): readonly SimNode[] {
    return [...this.#nodes.values()];
  }

  /** The node of that name; made, and its first process started, when it is first asked for. */
  node(name: string, options: NodeOptions = {}): SimNode {
    let node = this.#nodes.get(name);
    if (node === undefined) {
      node = new SimNode(name, this.#scheduler, this.network, { ...this.#nodeOptions, ...options });
      this.#nodes.set(name, node);
    }
    return node;
  }

  /** A generator for a purpose of the test's own, the same whatever was drawn elsewhere. */
  randomFor(purpose: string): SeededRandom {
    return this.#scheduler.randomFor(`test: ${purpose}`);
  }

  /** Lets something happen in `delayMs`, whatever the nodes do: a fault, a request of a client. */
  after(delayMs: number, label: string, action: () => void): void {
    this.#scheduler.plan(delayMs, null, label, action);
  }

  /** Lets the next event happen; answers whether there was one. */
  step(): boolean {
    return this.#trapped(() => this.#scheduler.step());
  }

  /** Lets everything happen that is due within a time, and moves time to its end. */
  runFor(durationMs: number): void {
    const endMs = this.nowMs + durationMs;
    this.#trapped(() => {
      while (this.#scheduler.nextTimeMs() <= endMs) this.#scheduler.step();
    });
    this.#scheduler.nowMs = endMs;
  }

  /**
   * Lets events happen until a condition holds, which is asked before the first and after each.
   * Fails with a `SimulationError` when the limit is reached, or when nothing is left to happen.
   * Promises are not settled meanwhile: see {@link settleUntil}.
   */
  runUntil(condition: () => boolean, limits: Limits): void {
    const endMs = this.nowMs + limits.limitMs;
    this.#trapped(() => {
      while (!condition()) this.#advance(condition, endMs);
    });
  }

  /**
   * {@link runUntil} for programs that use promises: all that can settle do, after each event, or
   * after so many as `eventsPerSettling` says, before more than a moment passes: much faster, and
   * the same each time all the same.
   */
  async settleUntil(
    condition: () => boolean,
    limits: Limits & { readonly eventsPerSettling?: number },
  ): Promise<void> {
    const { limitMs, eventsPerSettling = 1 } = limits;
    const endMs = this.nowMs + limitMs;
    const release = this.#trap ? trapNondeterminism() : () => {};
    try {
      await new Promise<void>((resolve) => endOfRealTurn(resolve));
      while (!condition()) {
        const momentMs = this.nowMs + settlingMs;
        for (let event = 0; event < eventsPerSettling; event++) {
          const isDue = this.#settleNow || this.#scheduler.nextTimeMs() > momentMs;
          if (event > 0 && isDue) break;
          this.#advance(condition, endMs);
        }
        this.#settleNow = false;
        await new Promise<void>((resolve) => endOfRealTurn(resolve));
      }
    } finally {
      release();
    }
  }

  /** A promise that programs wait for was settled: {@link settleUntil} lets them go on soon. */
  settleSoon(): void {
    this.#settleNow = true;
  }

  #advance(condition: () => boolean, endMs: number): void {
    const dueMs = this.#scheduler.nextTimeMs();
    if (dueMs === Number.POSITIVE_INFINITY) {
      throw this.#scheduler.failure(`nothing is left to happen, and still not: ${condition}`);
    }
    if (dueMs > endMs) throw this.#scheduler.failure(`not in time: ${condition}`);
    this.#scheduler.step();
  }

  #trapped<T>(run: () => T): T {
    if (!this.#trap) return run();
    const release = trapNondeterminism();
    try {
      return run();
    } finally {
      release();
    }
  }
}
