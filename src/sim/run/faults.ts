/**
 * Carries out a plan: begins each fault when its time has come, ends it, and in the end heals all.
 */
import { healthyDisk } from '../disk-faults.ts';
import { healthyLink } from '../network.ts';
import type { SimCluster } from './cluster.ts';
import { kinds } from './fault-kinds.ts';
import type { FaultKind, Plan, PlannedFault } from './plan.ts';
import { type FaultGround, Repairs } from './repairs.ts';

/** See above. */
export class Faults {
  readonly repairs: Repairs;
  /** How many faults of each kind were begun. */
  readonly counts = new Map<FaultKind, number>();
  readonly #cluster: SimCluster<unknown>;
  readonly #ground: FaultGround;
  #active = true;

  constructor(cluster: SimCluster<unknown>, plan: Plan) {
    this.#cluster = cluster;
    this.repairs = new Repairs(cluster);
    this.#ground = {
      cluster,
      repairs: this.repairs,
      active: () => this.#active,
      later: (delayMs, label, action) =>
        cluster.world.after(delayMs, label, () => {
          if (this.#active) action();
        }),
      tell: (text, member) => cluster.story.tell('fault', member, text),
      backups: new Map(),
    };
    for (const fault of plan.faults) {
      cluster.world.after(fault.atMs, `fault: ${fault.kind}`, () => this.#begin(fault));
    }
  }

  #begin(fault: PlannedFault): void {
    if (!this.#active) return;
    const { present } = this.#cluster;
    const target = present[fault.member % present.length]!;
    if (!kinds[fault.kind](this.#ground, target, fault)) return;
    this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1);
  }

  /** All is well from now on, but for `dead`, who are down for good; everybody else runs. */
  heal(dead: ReadonlySet<string>): void {
    this.#active = false;
    const cluster = this.#cluster;
    const { network } = cluster.world;
    network.heal();
    network.setFaults(healthyLink);
    for (const name of cluster.names) {
      const node = cluster.node(name);
      node.resume();
      node.volume.faults = healthyDisk;
      node.volume.clearFailures();
      node.volume.capacityBytes = 2 ** 25;
      node.clocks.rate = 1;
      if (cluster.gone.has(name)) continue;
      // A crash that was planned and has not come is taken back by making the process new.
      if (node.running) cluster.crash(name, 'kept');
      if (!dead.has(name)) cluster.restart(name);
    }
  }
}
