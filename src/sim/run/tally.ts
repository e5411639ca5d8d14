/** What many runs came to, added up over seeds and over processes. */
import type { RunResult } from './run.ts';

/** One run in numbers: what worker processes tell, as JSON. */
export interface RunNumbers {
  readonly seed: number;
  readonly events: number;
  readonly virtualMs: number;
  readonly realMs: number;
  readonly operations: { readonly done: number; readonly failed: number; readonly unknown: number };
  /** Answers whose place in the log was checked, replicas' answers compared, entries compared. */
  readonly checked: number;
  readonly faults: readonly (readonly [kind: string, count: number])[];
}

/** The numbers of a run that took `realMs`. */
export function numbersOf(result: RunResult, realMs: number): RunNumbers {
  const { operations, compared, entriesChecked } = result;
  return {
    seed: result.plan.seed,
    events: result.events,
    virtualMs: result.virtualMs,
    realMs,
    operations,
    checked: operations.placed + compared + entriesChecked,
    faults: [...result.faults],
  };
}

/** See above. */
export class Tally {
  seeds = 0;
  failures = 0;
  events = 0;
  virtualMs = 0;
  realMs = 0;
  checked = 0;
  readonly operations = { done: 0, failed: 0, unknown: 0 };
  readonly faults = new Map<string, number>();
  slowest: RunNumbers | undefined;

  add(run: RunNumbers): void {
    this.seeds++;
    this.events += run.events;
    this.virtualMs += run.virtualMs;
    this.realMs += run.realMs;
    this.checked += run.checked;
    this.operations.done += run.operations.done;
    this.operations.failed += run.operations.failed;
    this.operations.unknown += run.operations.unknown;
    for (const [kind, count] of run.faults) {
      this.faults.set(kind, (this.faults.get(kind) ?? 0) + count);
    }
    if (run.realMs > (this.slowest?.realMs ?? 0)) this.slowest = run;
  }

  /** A run of which nothing is known but that it went wrong: it did not end, or its process did. */
  lost(): void {
    this.seeds++;
    this.failures++;
  }

  /** One line, for a terminal. */
  line(): string {
    const total = [...this.faults.values()].reduce((sum, count) => sum + count, 0);
    return `${this.seeds} seeds, ${this.events} events, ${total} faults, ${this.operations.done} operations, ${this.failures} failed`;
  }

  /** All of it, for the end; the last line is `N passed, N failed`. */
  summary(): string {
    const { operations, slowest, realMs } = this;
    const kinds = [...this.faults].sort((a, b) => b[1] - a[1]);
    const seconds = Math.max(0.001, realMs / 1000);
    return [
      `seeds      ${this.seeds}`,
      `events     ${this.events}, ${Math.round(this.events / seconds)} a second and process`,
      `time       ${(this.virtualMs / 1000).toFixed(0)} virtual seconds in ${seconds.toFixed(0)} s of processes, ${(this.virtualMs / 1000 / seconds).toFixed(1)} a second`,
      `operations ${operations.done} answered, ${operations.failed} refused, ${operations.unknown} of unknown outcome`,
      `checked    ${this.checked} answers and entries`,
      `faults     ${kinds.map(([kind, count]) => `${kind} ${count}`).join(', ')}`,
      `slowest    ${slowest === undefined ? 'none' : `seed ${slowest.seed}, ${(slowest.realMs / 1000).toFixed(1)} s for ${(slowest.virtualMs / 1000).toFixed(0)} virtual seconds`}`,
      `${this.seeds - this.failures} passed, ${this.failures} failed`,
    ].join('\n');
  }
}
