/**
 * The network between the members of a test: it carries messages in the order in which they were
 * sent, unless it is told to cut, drop, hold, lose, double or delay them.
 */
import type { SeededRandom } from '../../src/base/seeded-random.ts';
import type { MemberId } from '../../src/raft/entry.ts';
import type { Message } from '../../src/raft/message.ts';

export type Filter = (message: Message) => boolean;

/** How a bad network behaves. */
export interface Weather {
  readonly lossRatio: number;
  readonly duplicationRatio: number;
  /** Messages arrive up to so many ticks late, and so overtake each other. */
  readonly delayTicksMax: number;
}

export const fairWeather: Weather = { lossRatio: 0, duplicationRatio: 0, delayTicksMax: 0 };

export class Network {
  weather = fairWeather;
  /** Messages that a hold keeps back, in the order in which they were sent. */
  held: Message[] = [];
  #sent: Message[] = [];
  #queue: Message[] = [];
  #late: { readonly due: number; readonly message: Message }[] = [];
  #now = 0;
  #sides: ReadonlyMap<MemberId, number> | undefined;
  readonly #drops = new Set<Filter>();
  readonly #holds = new Set<Filter>();
  readonly #random: SeededRandom;
  readonly #receive: (message: Message) => void;

  constructor(random: SeededRandom, receive: (message: Message) => void) {
    this.#random = random;
    this.#receive = receive;
  }

  partition(sides: readonly MemberId[][] | undefined): void {
    this.#sides = sides && new Map(sides.flatMap((side, i) => side.map((id) => [id, i] as const)));
  }

  drop(filter: Filter): () => void {
    this.#drops.add(filter);
    return () => this.#drops.delete(filter);
  }

  clearDrops(): void {
    this.#drops.clear();
  }

  hold(filter: Filter): () => void {
    this.#holds.add(filter);
    return () => {
      this.#holds.delete(filter);
      for (const message of this.held.splice(0)) this.#receive(message);
    };
  }

  accept(messages: readonly Message[]): void {
    for (const message of messages) {
      this.#sent.push(message);
      this.#queue.push(message);
    }
  }

  /** Everything that was sent since the last time. */
  takeSent(): readonly Message[] {
    return this.#sent.splice(0);
  }

  /** Moves what is queued one step on; returns whether there was anything. */
  carry(): boolean {
    const queue = this.#queue.splice(0);
    for (const message of queue) this.#travel(message);
    return queue.length > 0;
  }

  /** A tick passes: what was delayed until now arrives. */
  tick(): void {
    this.#now++;
    const due = this.#late.filter((late) => late.due <= this.#now);
    this.#late = this.#late.filter((late) => late.due > this.#now);
    for (const { message } of due) this.#arrive(message);
  }

  #travel(message: Message): void {
    const { lossRatio, duplicationRatio, delayTicksMax } = this.weather;
    if (this.#random.fraction() < lossRatio) return;
    const copies = this.#random.fraction() < duplicationRatio ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const delay = this.#random.below(delayTicksMax + 1);
      if (delay === 0) this.#arrive(message);
      else this.#late.push({ due: this.#now + delay, message });
    }
  }

  #arrive(message: Message): void {
    if (this.#sides && this.#sides.get(message.from) !== this.#sides.get(message.to)) return;
    for (const drop of this.#drops) if (drop(message)) return;
    for (const hold of this.#holds) {
      if (hold(message)) {
        this.held.push(message);
        return;
      }
    }
    this.#receive(message);
  }
}
