/** What a planted bug is; the catalogue of them is in `catalogue.ts`. */
import type { FaultKind, PlanWishes } from '../../src/sim/run/plan.ts';

/** Registers; commands in sessions; a machine whose state is in a store. */
export type SubjectName = 'registers' | 'sessions' | 'stored';

/** A place in the code, and what is to stand there. */
export interface Plant {
  /** Below src/, without its ending. */
  readonly module: string;
  /** In the JavaScript that is built. */
  readonly find: string;
  readonly replace: string;
}

/** A bug, and how to plant it. */
export interface PlantedBug {
  readonly name: string;
  /** Mostly one; more where something else would make up for it, or where one mistake takes two. */
  readonly plants: readonly Plant[];
  /** Seeds are counted from here: the first one that is known to find it; 1 by default. */
  readonly firstSeed?: number;
  /** Within how many seeds it must be found. */
  readonly seedsMax: number;
  /** What runs: registers by default. */
  readonly subject?: SubjectName;
  /** What else is wished of the runs, beside the usual. */
  readonly wishes?: Omit<PlanWishes, 'faults'>;
  /** Faults that it takes; all by default. */
  readonly faults?: readonly FaultKind[];
}
