/**
 * Faults for three members, drawn from the seed: which kinds a run has at all, and then one after
 * another. Whatever is begun is ended by {@link Faults.heal}.
 */
import type { SeededRandom } from '../../src/base/seeded-random.ts';
import { healthyDisk } from '../../src/sim/disk-faults.ts';
import { healthyLink } from '../../src/sim/network.ts';
import type { MemberWorld } from './member-world.ts';

/** What faults are done to: worlds of other machines have it too. */
export type FaultyWorld = Pick<MemberWorld, 'world' | 'names' | 'node' | 'crash' | 'restart'>;

type Fault = (target: string) => void;

/** How long a fault lasts, or what is down stays down. */
const lastsMsMax = 4000;
/** Calls of ports after which a process is made to crash, at most. */
const crashCallsMax = 400;

/** See above. */
export class Faults {
  readonly #world: FaultyWorld;
  readonly #random: SeededRandom;
  readonly #chosen: readonly Fault[];
  /** What was done, for whoever looks at a run. */
  readonly log: string[] = [];
  #active = true;

  constructor(world: FaultyWorld) {
    this.#world = world;
    this.#random = world.world.randomFor('faults');
    const all = Object.values(this.#kinds);
    const chosen = all.filter(() => this.#random.below(2) === 0);
    this.#chosen = chosen.length > 0 ? chosen : all;
  }

  /** Lets faults come from now on, one after `meanMs` on average. */
  begin(meanMs: number): void {
    this.#world.world.after(2 * meanMs * this.#random.fraction(), 'next fault', () => {
      if (!this.#active) return;
      this.#pick(this.#chosen)(this.#pick(this.#world.names));
      this.begin(meanMs);
    });
  }

  /** All is well from now on, and every member runs. */
  heal(): void {
    this.#active = false;
    const { world, names } = this.#world;
    world.network.heal();
    world.network.setFaults(healthyLink);
    for (const name of names) {
      const node = world.node(name);
      node.resume();
      // A crash that was planned and has not come is taken back by making the process new.
      if (node.running) this.#world.crash(name, 'kept');
      node.volume.faults = healthyDisk;
      node.clocks.rate = 1;
      this.#world.restart(name);
    }
  }

  readonly #kinds: Record<string, Fault> = {
    crash: (name) => {
      this.#note(`${name} crashes`);
      this.#world.crash(name, this.#random.below(2) === 0 ? 'lost' : 'kept');
      this.#startLater(name);
    },
    crashAtStep: (name) => {
      const node = this.#world.node(name);
      if (!node.running) return;
      const count = 1 + this.#random.below(crashCallsMax);
      this.#note(`${name} crashes at call ${count}`);
      node.crashAtCall(count, { power: this.#random.below(2) === 0 ? 'lost' : 'kept' });
      this.#startLater(name);
    },
    crashAgain: (name) => {
      this.#note(`${name} crashes, and again while it recovers`);
      this.#world.crash(name);
      this.#world.restart(name);
      this.#world.node(name).crashAtCall(1 + this.#random.below(120));
      this.#startLater(name);
    },
    pause: (name) => {
      this.#note(`${name} stands still`);
      const node = this.#world.node(name);
      node.pause();
      this.#later('resume', () => node.resume());
    },
    partition: (name) => {
      this.#note(`${name} is cut off`);
      const { network } = this.#world.world;
      const others = this.#world.names.filter((other) => other !== name);
      const oneWay = this.#random.below(3) === 0;
      if (oneWay && this.#random.below(2) === 0) network.partition(others, [name], { oneWay });
      else network.partition([name], others, { oneWay });
      this.#later('heal', () => network.heal());
    },
    clog: (name) => {
      const { network } = this.#world.world;
      const other = this.#pick(this.#world.names.filter((each) => each !== name));
      this.#note(`${name} to ${other} is held up`);
      network.clog(name, other);
      this.#later('heal', () => network.heal());
    },
    badNetwork: () => {
      this.#note('the network is bad');
      const { network } = this.#world.world;
      network.setFaults({
        delayMs: [0.05, 1 + this.#random.below(30)],
        slowChance: 0.05,
        slowMs: [10, 300],
        lossChance: 0.02 * this.#random.below(5),
        duplicateChance: 0.05,
        flipChance: 0.002 * this.#random.below(3),
        resetChance: 0.002 * this.#random.below(3),
      });
      this.#later('a good network', () => network.setFaults(healthyLink));
    },
    clocks: (name) => {
      const { clocks } = this.#world.node(name);
      clocks.rate = 0.5 + 1.5 * this.#random.fraction();
      clocks.jumpWall((this.#random.fraction() - 0.5) * 1e7);
      this.#note(`${name}'s clock runs at ${clocks.rate}`);
      this.#later('a good clock', () => {
        clocks.rate = 1;
      });
    },
    slowDisk: (name) => {
      this.#note(`${name}'s disk is slow`);
      const { volume } = this.#world.node(name);
      const syncMs = [1, 1 + this.#random.below(100)] as const;
      volume.faults = { ...healthyDisk, syncMs, stallChance: 0.01, stallMs: [100, 3000] };
      this.#later('a quick disk', () => {
        volume.faults = healthyDisk;
      });
    },
    brokenDisk: (name) => {
      this.#note(`${name}'s disk fails`);
      const { volume } = this.#world.node(name);
      const chance = 0.02 * this.#random.fraction();
      volume.faults = {
        ...healthyDisk,
        readErrorChance: chance,
        writeErrorChance: chance,
        syncErrorChance: chance,
        shortWriteChance: chance,
      };
      this.#later('a good disk', () => {
        volume.faults = healthyDisk;
        this.#world.restart(name);
      });
    },
  };

  #startLater(name: string): void {
    this.#later(`start ${name}`, () => this.#world.restart(name));
  }

  #later(label: string, action: () => void): void {
    this.#world.world.after(1 + this.#random.below(lastsMsMax), label, () => {
      if (this.#active) action();
    });
  }

  #pick<Value>(from: readonly Value[]): Value {
    return from[this.#random.below(from.length)]!;
  }

  #note(text: string): void {
    this.log.push(`${Math.round(this.#world.world.nowMs)} ms: ${text}`);
  }
}
