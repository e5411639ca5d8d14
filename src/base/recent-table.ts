/**
 * Values by ascending numbers, almost all of which are gone soon after they came: requests on their
 * way, by ticket. They lie in a ring of slots, each at its number modulo the ring's length, so that
 * neither coming nor going allocates, hashes or moves anything. A value that stays while the ring
 * goes once around makes room and goes on in a map.
 */
import { assert } from './assert.ts';

const slotsMin = 16;

export class RecentTable<Value extends object> {
  readonly #slotsMax: number;
  /** Invariant: a value lies at its number modulo the length, which is a power of two. */
  #values: (Value | undefined)[] = new Array<Value | undefined>(slotsMin).fill(undefined);
  #numbers = new Float64Array(slotsMin);
  #inSlots = 0;
  /** Each has a lower number than whatever came to its slot after it. */
  readonly #stayed = new Map<number, Value>();
  #last = -1;

  /** @param slotsMax a power of two: the ring never grows beyond it, whatever the table holds. */
  constructor(slotsMax = 2 ** 17) {
    assert(slotsMax >= slotsMin && Number.isInteger(Math.log2(slotsMax)), 'no size for a ring');
    this.#slotsMax = slotsMax;
  }

  get size(): number {
    return this.#inSlots + this.#stayed.size;
  }

  /** @param number above all before it, up to 2^53 − 1 */
  add(number: number, value: Value): void {
    assert(number > this.#last, () => `${number} does not follow ${this.#last}`);
    this.#last = number;
    if (this.#inSlots * 2 > this.#values.length) this.#grow();
    this.#put(number, value);
  }

  get(number: number): Value | undefined {
    const slot = this.#slot(number);
    if (this.#numbers[slot] === number) return this.#values[slot];
    return this.#stayed.size === 0 ? undefined : this.#stayed.get(number);
  }

  /** Takes the value out. */
  take(number: number): Value | undefined {
    const slot = this.#slot(number);
    if (this.#numbers[slot] !== number) {
      if (this.#stayed.size === 0) return undefined;
      const stayed = this.#stayed.get(number);
      this.#stayed.delete(number);
      return stayed;
    }
    const value = this.#values[slot];
    if (value === undefined) return undefined;
    this.#values[slot] = undefined;
    this.#inSlots--;
    return value;
  }

  /** All values by ascending number, as they are now: they may be taken meanwhile. */
  values(): readonly Value[] {
    const found: { readonly number: number; readonly value: Value }[] = [];
    for (const [number, value] of this.#stayed) found.push({ number, value });
    for (const [slot, value] of this.#values.entries()) {
      if (value !== undefined) found.push({ number: this.#numbers[slot]!, value });
    }
    return found.sort((a, b) => a.number - b.number).map(({ value }) => value);
  }

  clear(): void {
    this.#values.fill(undefined);
    this.#inSlots = 0;
    this.#stayed.clear();
  }

  /** Bit operations see the lowest 32 bits, which is enough of any number. */
  #slot(number: number): number {
    return number & (this.#values.length - 1);
  }

  #put(number: number, value: Value): void {
    const slot = this.#slot(number);
    const before = this.#values[slot];
    if (before === undefined) this.#inSlots++;
    else this.#stayed.set(this.#numbers[slot]!, before);
    this.#values[slot] = value;
    this.#numbers[slot] = number;
  }

  #grow(): void {
    const values = this.#values;
    const numbers = this.#numbers;
    if (values.length === this.#slotsMax) return;
    this.#values = new Array<Value | undefined>(values.length * 2).fill(undefined);
    this.#numbers = new Float64Array(values.length * 2);
    this.#inSlots = 0;
    for (const [slot, value] of values.entries()) {
      if (value !== undefined) this.#put(numbers[slot]!, value);
    }
  }
}
