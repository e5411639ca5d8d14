/**
 * The round trip between two members, estimated from their network coordinates: the distance of
 * their points, both heights, and both adjustments where the sum stays positive (Vivaldi, SIGCOMM
 * 2004, section 5.4; the adjustments are Serf's).
 */
import type { Coordinate } from '../swim/coordinate.ts';

/** The estimate in seconds. */
export function roundTripSeconds(a: Coordinate, b: Coordinate): number {
  let squares = 0;
  for (const [index, length] of a.vector.entries()) {
    squares += (length - (b.vector[index] ?? 0)) ** 2;
  }
  const distance = Math.sqrt(squares) + a.height + b.height;
  const adjusted = distance + a.adjustment + b.adjustment;
  return adjusted > 0 ? adjusted : distance;
}
