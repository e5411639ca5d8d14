/**
 * Linearizability of any machine at all. The log is the order: commands take effect by their index,
 * the same everywhere (the other checkers see to that). What is left is real time: what is asked
 * after something else was answered must come later in the log, and a read must see at least what
 * was answered before it was asked. That is everything, whatever the machine means by its answers.
 */
import type { Findings } from './findings.ts';

/** A request that waits for its answer. */
export interface Asked {
  readonly who: string;
  readonly kind: 'propose' | 'read';
  readonly group: number;
  readonly atMs: number;
  /** The furthest entry that anybody had an answer of. */
  readonly floor: number;
}

/** How operations ended. */
export interface OrderCounts {
  done: number;
  failed: number;
  unknown: number;
}

/** See above. */
export class OrderChecker {
  readonly #findings: Findings;
  /** The furthest entry that was answered, by group, and to whom. */
  readonly #answered = new Map<number, { index: number; asked: Asked; atMs: number }>();
  readonly counts: OrderCounts = { done: 0, failed: 0, unknown: 0 };
  /** How many answers could be placed in the log. */
  placed = 0;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  ask(who: string, kind: Asked['kind'], group: number, atMs: number): Asked {
    return { who, kind, group, atMs, floor: this.#answered.get(group)?.index ?? 0 };
  }

  /** A request was answered: by the entry of that index, or from a state that had applied it. */
  answered(asked: Asked, index: number, nowMs: number): void {
    const { kind, group, floor } = asked;
    this.placed++;
    const before = this.#answered.get(group);
    const sound = kind === 'propose' ? index > floor : index >= floor;
    if (!sound) {
      const text = told(asked, nowMs);
      const earlier = before === undefined ? 'nobody knows whom' : told(before.asked, before.atMs);
      const message = `stale: ${text} stands at entry ${index}; before it was asked, entry ${floor} had been answered (${earlier})`;
      this.#findings.report('not-linearizable', message);
    }
    if (index > (before?.index ?? 0)) this.#answered.set(group, { index, asked, atMs: nowMs });
  }

  /** The furthest entry of a group that somebody has an answer of. */
  furthest(group: number): number {
    return this.#answered.get(group)?.index ?? 0;
  }
}

function told({ kind, who, atMs }: Asked, answeredMs: number): string {
  return `${kind} of ${who}, asked at ${atMs.toFixed(1)} ms, answered at ${answeredMs.toFixed(1)} ms`;
}
