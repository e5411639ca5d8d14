/** A rolling upgrade in the simulated world, with crashes and a partition in the middle of it. */
import { describe, expect, test } from 'vitest';
import { QuorateError } from '../../src/base/errors.ts';
import { openMemberOn } from '../../src/member/open-member.ts';
import type { TypedGroup } from '../../src/member/typed-group.ts';
import type { Ports } from '../../src/ports/ports.ts';
import { World } from '../../src/sim/world.ts';
import { bookOne, bookTwo } from './versions.ts';

const names = ['a', 'b', 'c'];
const tuning = {
  engine: { snapshotAfterBytes: 4096, keptEntries: 10 },
  log: { segmentBytes: 65_536, batchBytesMax: 16_384, reserveBytes: 65_536 },
};

/** What a node's latest process has come to. */
interface Life {
  group?: TypedGroup<typeof bookOne> | TypedGroup<typeof bookTwo>;
  error?: QuorateError | null;
}

/** Three members, each with its own version of the program; adds go on all the time. */
class Upgrade {
  readonly world: World;
  readonly versions = new Map(names.map((name) => [name, 1]));
  readonly lives = new Map<string, Life>();
  /** Acknowledged, and what may have taken effect besides. */
  added = 0;
  unknown = 0;
  readonly wrong: unknown[] = [];

  constructor(seed: number) {
    this.world = new World({ seed, trap: true });
    for (const name of names) {
      const node = this.world.node(name, { capacityBytes: 2 ** 24 });
      node.run((ports) => void this.#live(name, ports));
    }
  }

  async #live(name: string, ports: Ports): Promise<void> {
    const life: Life = {};
    this.lives.set(name, life);
    try {
      const peers = names.map((each) => ({ name: each, address: `${each}:7000` }));
      const member = await openMemberOn(ports, { name, dataDir: '', peers }, tuning);
      void member.closed.then((error) => {
        life.error ??= error;
      });
      const options = { timeoutMs: 300_000 };
      const group =
        this.versions.get(name) === 1
          ? await member.group('book', bookOne, options)
          : await member.group('book', bookTwo, options);
      life.group = group;
      for (let n = 0; life.error === undefined; n++) {
        await new Promise<void>((resolve) => ports.clock.after(20, resolve));
        await this.#add(group, `${name} ${n % 50}`);
      }
    } catch (error) {
      if (error instanceof QuorateError) life.error = error;
      else this.wrong.push(error);
    }
  }

  async #add(group: NonNullable<Life['group']>, name: string): Promise<void> {
    try {
      await (group as TypedGroup<typeof bookOne>).commands.add({ name, by: 1 });
      this.added++;
    } catch (error) {
      if (!(error instanceof QuorateError)) this.wrong.push(error);
      else if (error.maybeApplied) this.unknown++;
    }
  }

  async upgrade(name: string, version: number, power: 'lost' | 'kept'): Promise<void> {
    this.versions.set(name, version);
    this.lives.delete(name);
    const node = this.world.node(name);
    node.crash({ power });
    node.restart();
    await this.until(() => {
      const life = this.lives.get(name);
      return life?.group !== undefined || life?.error !== undefined;
    });
  }

  async until(condition: () => boolean): Promise<void> {
    await this.world.settleUntil(() => this.wrong.length > 0 || condition(), { limitMs: 300_000 });
    expect(this.wrong).toEqual([]);
  }

  /** So many more are acknowledged. */
  async more(count: number): Promise<void> {
    const aim = this.added + count;
    await this.until(() => this.added >= aim);
  }

  machine(name: string) {
    return this.lives.get(name)?.group?.machine;
  }
}

describe('a rolling upgrade in the world', () => {
  test.each([1, 2, 3])('seed %i', async (seed) => {
    const upgrade = new Upgrade(seed);
    const { world } = upgrade;
    await upgrade.more(100);
    await upgrade.upgrade('a', 2, 'lost');
    await upgrade.more(100);
    world.network.partition(['b'], ['a', 'c']);
    await upgrade.upgrade('c', 2, 'kept');
    await upgrade.more(100);
    // One still cannot: nobody has changed over, however long it is away.
    for (const name of ['a', 'c']) expect(upgrade.machine(name)?.activeVersion).toBe(1);
    world.network.heal();
    await upgrade.more(50);
    await upgrade.upgrade('b', 2, 'lost');
    await upgrade.until(() => names.every((name) => upgrade.machine(name)?.activeVersion === 2));
    await upgrade.more(100);
    const total = upgrade.machine('a')!.ask('total', undefined) as number;
    // Others may be under way just now.
    expect(total).toBeGreaterThanOrEqual(upgrade.added - names.length);
    expect(total).toBeLessThanOrEqual(upgrade.added + upgrade.unknown + names.length);

    // The way back is refused by name, and the others go on.
    await upgrade.upgrade('b', 1, 'lost');
    await upgrade.until(() => upgrade.lives.get('b')?.error != null);
    expect(upgrade.lives.get('b')?.error?.code).toBe('machine-too-old');
    await upgrade.more(50);
    await upgrade.upgrade('b', 2, 'lost');
    await upgrade.until(() => {
      const machines = names.map((name) => upgrade.machine(name));
      const [first] = machines;
      return machines.every(
        (machine) => machine?.lastIndex === first?.lastIndex && machine?.hash() === first?.hash(),
      );
    });
  });
});
