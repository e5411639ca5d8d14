/** What a state is made of, as snapshots and backups say it. */
import type { PartFacts } from '../engine/machine.ts';
import { Part } from './parts.ts';
import type { StateShape } from './shape.ts';

/** The parts of a state, in the order of its definition. */
export function partsOf(state: StateShape): readonly PartFacts[] {
  return Object.entries(state).map(([name, part]) => {
    return { name, kind: part instanceof Part ? part.kind : 'value' };
  });
}

/** Whether both are of the same names and kinds, in whatever order. */
export function sameParts(a: readonly PartFacts[], b: readonly PartFacts[]): boolean {
  const kinds = new Map(a.map(({ name, kind }) => [name, kind]));
  return kinds.size === b.length && b.every(({ name, kind }) => kinds.get(name) === kind);
}

/** The parts in a line for people. */
export function partsText(parts: readonly PartFacts[]): string {
  return parts.map(({ name, kind }) => `${name}: ${kind}`).join(', ') || 'nothing';
}
