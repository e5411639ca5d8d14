/**
 * The door to the simulated world: nodes with clocks, disks and a network that belong to a test,
 * and every fault that reliability can be tested with. A run is repeated from its seed.
 */
export { QuorateError } from './base/errors.ts';
export { SeededRandom } from './base/seeded-random.ts';
export type { Ports } from './ports/ports.ts';
export type { DiskFaults } from './sim/disk-faults.ts';
export type { LinkFaults, SimNetwork } from './sim/network.ts';
export type { NodeOptions, SimNode } from './sim/sim-node.ts';
export { trapNondeterminism } from './sim/trap.ts';
export { World, type WorldOptions } from './sim/world.ts';
