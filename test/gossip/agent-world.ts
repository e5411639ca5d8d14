/**
 * Whole agents in the simulated world: the shipping code of `openGossip`, on simulated sockets, disks
 * and clocks, with a fault at every turn. A run is repeated from its seed.
 */
import type { SeededRandom } from '../../src/base/seeded-random.ts';
import type { Gossip, GossipConfig } from '../../src/gossip/api.ts';
import type { GossipHost } from '../../src/gossip/host.ts';
import { openGossipOn } from '../../src/gossip/open.ts';
import type { Ports } from '../../src/ports/ports.ts';
import type { LinkFaults } from '../../src/sim/network.ts';
import { World } from '../../src/sim/world.ts';

/** A cluster of agents called m0, m1 and so on. */
export interface AgentWorldOptions {
  readonly seed: number;
  readonly members: number;
  readonly network: Partial<LinkFaults>;
  readonly config?: GossipConfig;
}

export class AgentWorld {
  readonly world: World;
  readonly names: readonly string[];
  readonly random: SeededRandom;
  /** The agents that are open, by name. */
  readonly agents = new Map<string, Gossip>();
  /** Agents that could not be opened, or ended by themselves: none should. */
  readonly troubles: string[] = [];
  readonly #config: GossipConfig;

  constructor(options: AgentWorldOptions) {
    const { seed, network } = options;
    this.world = new World({ seed, network });
    this.random = this.world.randomFor('what a test draws');
    this.#config = options.config ?? {};
    this.names = Array.from({ length: options.members }, (_, index) => `m${index}`);
    for (const name of this.names) {
      const node = this.world.node(name);
      node.run((ports) => this.#open(name, ports));
    }
  }

  /** Agents whose process runs and whose opening is done. */
  get running(): Gossip[] {
    return [...this.agents.values()];
  }

  /** Lets a time pass. */
  async passTime(durationMs: number): Promise<void> {
    const untilMs = this.world.nowMs + durationMs;
    // Something must happen then, for time to get there.
    this.world.after(durationMs, 'time has passed', () => {});
    await this.world.settleUntil(() => this.world.nowMs >= untilMs, { limitMs: durationMs + 1 });
  }

  /** Lets time pass until `condition` holds, which is dear and so is asked now and then only. */
  async passTimeUntil(what: string, condition: () => boolean, limitMs: number): Promise<void> {
    const endMs = this.world.nowMs + limitMs;
    while (!condition()) {
      if (this.world.nowMs > endMs) {
        throw new Error(`seed ${this.world.seed}: not within ${limitMs} ms: ${what}`);
      }
      await this.passTime(250);
    }
  }

  /** Ends the process, as a power loss or a kill does. */
  crash(name: string): void {
    this.agents.delete(name);
    this.world.node(name).crash({ power: this.random.below(2) === 0 ? 'lost' : 'kept' });
  }

  /** Whether every agent sees all members alive. */
  allAlive(): boolean {
    return (
      this.agents.size === this.names.length &&
      this.running.every((agent) => agent.members.alive().length === this.names.length)
    );
  }

  #open(name: string, ports: Ports): void {
    const { ip } = this.world.node(name);
    const host: GossipHost = {
      ...ports,
      place: (path) => ({ disk: ports.disk, name: path }),
      hostName: name,
      runtime: {},
    };
    const starts = this.world.node(name).starts;
    const config: GossipConfig = {
      ...this.#config,
      bind: `${ip}:7946`,
      snapshotPath: 'snapshot',
      retryJoin: { addresses: ['m0', 'm1'], intervalMs: 2_000 },
    };
    openGossipOn(host, config).then(
      (gossip) => {
        if (this.world.node(name).starts !== starts) return;
        this.agents.set(name, gossip);
        // A value is used from the first moment on, as an application would.
        gossip.map<number>('shared');
        void gossip.closed.then(({ reason, error }) => {
          this.troubles.push(`${name} has ended: ${reason} ${error?.message ?? ''}`);
        });
      },
      (error: Error) => this.troubles.push(`${name} could not be opened: ${error.message}`),
    );
  }
}
