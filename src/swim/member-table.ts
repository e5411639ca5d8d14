/**
 * All members that SWIM knows of, with what it knows. Two views of them: by name, for the rules;
 * and a shuffled list, for probing in turn and for picking at random. The dead stay on the list as
 * long as they are gossiped to, and by name for longer: whoever still holds a stale record of them
 * shall not be able to revive them (memberlist #312).
 *
 * Invariants: every record on the list is known by name; `living` counts alive and suspect.
 */
import type { Random } from '../ports/random.ts';
import type { Address } from './api.ts';
import type { Suspicion } from './suspicion.ts';
import type { Timer } from './timers.ts';
import type { WireState } from './wire/messages.ts';

/** What SWIM knows of a member. */
export interface MemberRecord {
  readonly name: string;
  address: Address;
  meta: Uint8Array;
  versions: Uint8Array;
  /** Grows with everything that the member says of itself; only the member itself raises it. */
  incarnation: number;
  /** Change it through the table, which counts. */
  readonly state: WireState;
  stateChangeMs: number;
  /** Present exactly while the state is `suspect`. */
  suspicion: Suspicion | undefined;
  suspicionTimer: Timer | undefined;
}

/** An address as a key. */
export function addressKey(address: Address): string {
  return `${address.host} ${address.port}`;
}

export function sameAddress(a: Address, b: Address): boolean {
  return a.port === b.port && a.host === b.host;
}

/** Whether a member is out: nobody probes or asks it. */
export function isGone(record: MemberRecord): boolean {
  return record.state === 'dead' || record.state === 'left';
}

export class MemberTable {
  readonly #random: Random;
  readonly #byName = new Map<string, MemberRecord>();
  readonly #list: MemberRecord[] = [];
  /** How many records name an address: packets go only where a member is. */
  readonly #addresses = new Map<string, number>();
  #living = 0;
  #probeIndex = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Members known by name, dead ones too. */
  get size(): number {
    return this.#byName.size;
  }

  /** Members alive or suspected, this one included. */
  get living(): number {
    return this.#living;
  }

  get(name: string): MemberRecord | undefined {
    return this.#byName.get(name);
  }

  all(): IterableIterator<MemberRecord> {
    return this.#byName.values();
  }

  /** Whether some member says that it is there. */
  knowsAddress(address: Address): boolean {
    return this.#addresses.has(addressKey(address));
  }

  /** Adds a member, at a random place of the list, so that all probe it at different times. */
  add(fields: Omit<MemberRecord, 'suspicion' | 'suspicionTimer'>): MemberRecord {
    const record: MemberRecord = { ...fields, suspicion: undefined, suspicionTimer: undefined };
    this.#byName.set(record.name, record);
    this.#countAddress(record.address, 1);
    if (!isGone(record)) this.#living++;
    this.#enlist(record);
    return record;
  }

  setState(record: MemberRecord, state: WireState, nowMs: number): void {
    const wasGone = isGone(record);
    (record as { state: WireState }).state = state;
    record.stateChangeMs = nowMs;
    if (wasGone === isGone(record)) return;
    this.#living += wasGone ? 1 : -1;
    // One that was off the list already comes back to it.
    if (wasGone && !this.#list.includes(record)) this.#enlist(record);
  }

  setAddress(record: MemberRecord, address: Address): void {
    if (sameAddress(record.address, address)) return;
    this.#countAddress(record.address, -1);
    record.address = address;
    this.#countAddress(address, 1);
  }

  remove(record: MemberRecord): void {
    if (!this.#byName.delete(record.name)) return;
    record.suspicionTimer?.cancel();
    this.#countAddress(record.address, -1);
    if (!isGone(record)) this.#living--;
    const place = this.#list.indexOf(record);
    if (place >= 0) this.#delist(place);
  }

  /**
   * The next to be probed that `wanted` takes, each in turn; `undefined` if there is none. At the
   * end of a turn the list is shuffled, and those for whom `keep` is false go from it. Coming round
   * costs no tick of its own: memberlist's does, so that of two members each is probed only every
   * other interval.
   */
  nextToProbe(
    wanted: (record: MemberRecord) => boolean,
    keep: (record: MemberRecord) => boolean,
  ): MemberRecord | undefined {
    const list = this.#list;
    let wrapped = false;
    for (;;) {
      if (this.#probeIndex >= list.length) {
        if (wrapped) return undefined;
        wrapped = true;
        this.#startTurn(keep);
        continue;
      }
      const record = list[this.#probeIndex++]!;
      if (wanted(record)) return record;
    }
  }

  /** Up to `count` different members that `wanted` takes, at random. */
  pick(count: number, wanted: (record: MemberRecord) => boolean): MemberRecord[] {
    const list = this.#list;
    const picked: MemberRecord[] = [];
    if (list.length === 0) return picked;
    // Guessing is fast where most are wanted; what it missed in a small cluster a walk finds.
    for (let tries = 0; tries < count * 4 && picked.length < count; tries++) {
      const record = list[this.#random.below(list.length)]!;
      if (!picked.includes(record) && wanted(record)) picked.push(record);
    }
    if (picked.length < count) {
      const start = this.#random.below(list.length);
      for (let step = 0; step < list.length && picked.length < count; step++) {
        const record = list[(start + step) % list.length]!;
        if (!picked.includes(record) && wanted(record)) picked.push(record);
      }
    }
    return picked;
  }

  #startTurn(keep: (record: MemberRecord) => boolean): void {
    const list = this.#list;
    let kept = 0;
    for (const record of list) if (keep(record)) list[kept++] = record;
    list.length = kept;
    for (let last = list.length - 1; last > 0; last--)
      this.#swap(last, this.#random.below(last + 1));
    this.#probeIndex = 0;
  }

  #enlist(record: MemberRecord): void {
    this.#list.push(record);
    const last = this.#list.length - 1;
    this.#swap(last, this.#random.below(last + 1));
  }

  #delist(place: number): void {
    this.#list.splice(place, 1);
    if (place < this.#probeIndex) this.#probeIndex--;
  }

  #swap(a: number, b: number): void {
    const list = this.#list;
    const record = list[a]!;
    list[a] = list[b]!;
    list[b] = record;
  }

  #countAddress(address: Address, by: number): void {
    const key = addressKey(address);
    const count = (this.#addresses.get(key) ?? 0) + by;
    if (count > 0) this.#addresses.set(key, count);
    else this.#addresses.delete(key);
  }
}
