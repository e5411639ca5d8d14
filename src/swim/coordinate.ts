/**
 * Network coordinates (Vivaldi, "A Decentralized Network Coordinate System", SIGCOMM 2004, with
 * the height of its section 5.4 and the refinements that Serf took from later work): every member
 * keeps a point in a space in which the distance between two points estimates the round trip
 * between their members, so that it can be known without being measured.
 */

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
