/**
 * Network coordinates (Vivaldi: Dabek, Cox, Kaashoek, Morris, "A Decentralized Network Coordinate
 * System", SIGCOMM 2004, with the height of its section 5.4): every member keeps a point in a space
 * in which the distance of two points estimates the round trip between their members, so that it
 * is known without being measured. Three refinements, as Serf has them: the median of the last few
 * round trips of each member instead of the last; an adjustment by what was lately seen (Ledlie,
 * Gardner, Seltzer, NSDI 2007); and a slight pull towards the origin, so that the cluster as a
 * whole does not drift.
 */
import type { Random } from '../ports/random.ts';

/** A member's place; all lengths are seconds. */
export interface Coordinate {
  readonly vector: readonly number[];
  /** How far the estimates are off, as a fraction; 1.5 when nothing is known. */
  readonly error: number;
  /** A correction of the estimate by what was lately seen. */
  readonly adjustment: number;
  /** The part of every round trip that is the member's own link to the network. */
  readonly height: number;
}

const dimensions = 8;
const errorMax = 1.5;
/** How fast the error estimate, and the place, follow a new sample. */
const errorGain = 0.25;
const placeGain = 0.25;
const adjustmentWindow = 20;
const heightMin = 1e-5;
const latencySamples = 3;
/** The larger, the weaker the pull to the origin. */
const gravityRho = 150;
const tiny = 1e-6;
const roundTripMaxSeconds = 10;
/** Other members whose coordinates and latencies are kept. */
const othersMax = 65_536;

export function originCoordinate(): Coordinate {
  const vector = new Array<number>(dimensions).fill(0);
  return { vector, error: errorMax, adjustment: 0, height: heightMin };
}

function rawDistance(a: Coordinate, b: Coordinate): number {
  let sum = 0;
  for (let at = 0; at < a.vector.length; at++) sum += (a.vector[at]! - b.vector[at]!) ** 2;
  return Math.sqrt(sum) + a.height + b.height;
}

/** The estimated round trip between two members, in milliseconds. */
export function estimateRoundTripMs(a: Coordinate, b: Coordinate): number {
  const distance = rawDistance(a, b);
  const adjusted = distance + a.adjustment + b.adjustment;
  return (adjusted > 0 ? adjusted : distance) * 1_000;
}

function isSound(coordinate: Coordinate): boolean {
  const { vector, error, adjustment, height } = coordinate;
  return (
    vector.length === dimensions && [...vector, error, adjustment, height].every(Number.isFinite)
  );
}

/** This member's coordinate, and those of others as they were last heard. */
export class Coordinates {
  readonly #random: Random;
  #own: Coordinate = originCoordinate();
  readonly #others = new Map<string, Coordinate>();
  readonly #latencies = new Map<string, number[]>();
  readonly #adjustments = new Array<number>(adjustmentWindow).fill(0);
  #adjustmentIndex = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get own(): Coordinate {
    return this.#own;
  }

  of(name: string): Coordinate | undefined {
    return this.#others.get(name);
  }

  forget(name: string): void {
    this.#others.delete(name);
    this.#latencies.delete(name);
  }

  /**
   * Takes a measured round trip to a member into account, with the coordinate that its ack
   * carried. Returns false, and changes nothing, if either makes no sense.
   */
  update(name: string, other: Coordinate, roundTripMs: number): boolean {
    const seconds = roundTripMs / 1_000;
    if (!isSound(other) || !(seconds >= 0 && seconds <= roundTripMaxSeconds)) return false;
    if (this.#others.size >= othersMax && !this.#others.has(name)) return false;
    const median = this.#median(name, seconds);
    this.#move(other, median);
    this.#adjust(other, median);
    this.#pullToOrigin();
    if (!isSound(this.#own)) this.#own = originCoordinate();
    this.#others.set(name, other);
    return true;
  }

  #median(name: string, seconds: number): number {
    const samples = this.#latencies.get(name) ?? [];
    samples.push(seconds);
    if (samples.length > latencySamples) samples.shift();
    this.#latencies.set(name, samples);
    return [...samples].sort((a, b) => a - b)[samples.length >> 1]!;
  }

  /** Vivaldi's step: along the line between the two, weighted by who is surer of its place. */
  #move(other: Coordinate, sampleSeconds: number): void {
    const seconds = Math.max(sampleSeconds, tiny);
    const own = this.#own;
    const distance = rawDistance(own, other);
    const wrongness = Math.abs(distance - seconds) / seconds;
    const weight = own.error / Math.max(own.error + other.error, tiny);
    const gain = errorGain * weight;
    const error = Math.min(errorMax, gain * wrongness + own.error * (1 - gain));
    this.#own = this.#pushed({ ...own, error }, placeGain * weight * (seconds - distance), other);
  }

  /** The average of how far off we were lately, halved since both ends correct for it. */
  #adjust(other: Coordinate, seconds: number): void {
    this.#adjustments[this.#adjustmentIndex] = seconds - rawDistance(this.#own, other);
    this.#adjustmentIndex = (this.#adjustmentIndex + 1) % adjustmentWindow;
    const sum = this.#adjustments.reduce((total, sample) => total + sample, 0);
    this.#own = { ...this.#own, adjustment: sum / (2 * adjustmentWindow) };
  }

  #pullToOrigin(): void {
    const origin = originCoordinate();
    const force = -((rawDistance(origin, this.#own) / gravityRho) ** 2);
    this.#own = this.#pushed(this.#own, force, origin);
  }

  /** Moves a coordinate by `force` seconds away from another. */
  #pushed(own: Coordinate, force: number, other: Coordinate): Coordinate {
    let difference = own.vector.map((component, at) => component - other.vector[at]!);
    let length = Math.hypot(...difference);
    const apart = length > tiny;
    if (!apart) {
      // On one spot there is no direction: any will do.
      difference = difference.map(() => this.#random.fraction() - 0.5);
      length = Math.max(Math.hypot(...difference), tiny);
    }
    const vector = own.vector.map(
      (component, at) => component + (difference[at]! / length) * force,
    );
    const stretch = apart ? ((own.height + other.height) * force) / length : 0;
    return { ...own, vector, height: Math.max(own.height + stretch, heightMin) };
  }
}
