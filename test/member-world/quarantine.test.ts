/**
 * A replica whose state differs stays quarantined over restarts and losses of power; a start with
 * `repair` gives it the others' state, by a snapshot or by all entries, and a crash on the way only
 * makes it begin again.
 */
import { describe, expect, it } from 'vitest';
import { machine } from '../../src/machine/definition.ts';
import { map } from '../../src/machine/parts.ts';
import { openMemberOn } from '../../src/member/open-member.ts';
import { World } from '../../src/sim/world.ts';

const names = ['a', 'b', 'c'];
const peers = names.map((name) => ({ name, address: `${name}:7000` }));
const victim = 'c';

type Place = 'memory' | 'disk';

/** On the victim it loses writes, as long as it has this flaw. */
const registers = (on: Place, isFlawed: () => boolean) =>
  machine({
    state: { values: map<string, number>({ on }) },
    commands: {
      write({ values }, { key, value }: { key: string; value: number }) {
        if (!isFlawed() || value % 3 !== 0) values.set(key, value);
      },
    },
    queries: { all: ({ values }) => [...values] },
  });

class Cluster {
  readonly world: World;
  readonly said: string[] = [];
  repair = false;
  flawed = false;
  readonly #groups = new Map<string, Awaited<ReturnType<Cluster['open']>>>();
  #next = 1;

  constructor(seed: number, on: Place, keptEntries: number) {
    this.world = new World({ seed, trap: true });
    for (const name of names) {
      const { world } = this;
      world.node(name).run((ports) => {
        this.#groups.delete(name);
        void this.open(name, ports, on, keptEntries).then(
          (group) => this.#groups.set(name, group),
          () => {},
        );
      });
    }
  }

  async open(
    name: string,
    ports: Parameters<typeof openMemberOn>[0],
    on: Place,
    keptEntries: number,
  ) {
    const quiet = () => {};
    const error = (_: unknown, message?: string): void =>
      void this.said.push(`${name}: ${message}`);
    const logger = { debug: quiet, info: quiet, warn: quiet, error, child: () => logger };
    const isVictim = name === victim;
    const repair = isVictim && this.repair;
    const options = { name, dataDir: '', peers, clusterToken: 't', logger, repair };
    const engine = {
      hashCheckEntries: 20,
      hashCheckMs: 500,
      snapshotAfterBytes: 4096,
      keptEntries,
    };
    const member = await openMemberOn(ports, options, { engine });
    const definition = registers(on, () => isVictim && this.flawed);
    return member.group('registers', definition, { timeoutMs: 600_000 });
  }

  group(name: string) {
    return this.#groups.get(name);
  }

  async until(condition: () => boolean): Promise<void> {
    await this.world.settleUntil(condition, { limitMs: 120_000, eventsPerSettling: 16 });
  }

  async allRun(): Promise<void> {
    const ready = () =>
      names.every((name) => this.group(name)) &&
      names.some((name) => this.group(name)!.leadership.isLeader);
    await this.until(ready);
  }

  /** Writes through members that answer, until `done`. */
  async write(done: () => boolean): Promise<void> {
    for (let round = 0; !done(); round++) {
      expect(round).toBeLessThan(400);
      const all = ['a', 'b'].map(async (name) => {
        const value = this.#next++;
        await this.group(name)!
          .commands.write({ key: `k${value % 50}`, value })
          .catch(() => {});
      });
      let over = false;
      void Promise.all(all).then(() => {
        over = true;
      });
      await this.until(() => over);
    }
  }

  async rounds(count: number): Promise<void> {
    let round = 0;
    await this.write(() => round++ >= count);
  }

  restart(): void {
    const node = this.world.node(victim);
    if (node.running) node.crash();
    this.#groups.delete(victim);
    node.restart();
  }

  /** What the victim answers to a linearizable query: the code of a refusal, or the state. */
  async answerOf(name: string): Promise<unknown> {
    let answer: unknown;
    void this.group(name)!
      .queries.all(undefined)
      .then(
        (all) => {
          answer = JSON.stringify(all);
        },
        (error: { code: string }) => {
          answer = error.code;
        },
      );
    await this.until(() => answer !== undefined);
    return answer;
  }

  async diverge(): Promise<void> {
    await this.allRun();
    await this.rounds(20);
    this.flawed = true;
    await this.write(() => this.group(victim)!.quarantine !== undefined);
    this.flawed = false;
    // Time to keep it.
    await this.rounds(5);
  }
}

const cases = (['memory', 'disk'] as const).flatMap((on) =>
  ([0, 100_000] as const).map((keptEntries) => [on, keptEntries] as const),
);

describe('a quarantined replica', () => {
  it.each(cases)(
    'stays so over restarts, and is repaired: on %s, %i entries kept',
    async (on, kept) => {
      const cluster = new Cluster(7_001, on, kept);
      await cluster.diverge();
      for (let time = 0; time < 2; time++) {
        cluster.said.length = 0;
        cluster.restart();
        await cluster.allRun();
        expect(cluster.group(victim)!.quarantine?.code).toBe('replica-diverged');
        expect(cluster.said.join()).toContain('quarantined');
        await cluster.rounds(5);
        expect(await cluster.answerOf(victim)).toBe('replica-diverged');
      }
      cluster.repair = true;
      cluster.restart();
      await cluster.allRun();
      expect(cluster.group(victim)!.quarantine).toBeUndefined();
      await cluster.rounds(30);
      expect(await cluster.answerOf(victim)).toBe(await cluster.answerOf('a'));
      // Until it has caught up it would be repaired once more.
      const { volume } = cluster.world.node(victim);
      await cluster.until(() => volume.content('quarantine').length === 20);
      await cluster.rounds(5);
      // The next comparisons agree, and nothing is remembered of it, with or without the option.
      cluster.repair = false;
      cluster.restart();
      await cluster.allRun();
      await cluster.rounds(30);
      expect(cluster.group(victim)!.quarantine).toBeUndefined();
      expect(await cluster.answerOf(victim)).toBe(await cluster.answerOf('b'));
    },
  );

  it.each(['memory', 'disk'] as const)('is repaired though the power goes: on %s', async (on) => {
    const cluster = new Cluster(7_002, on, 0);
    await cluster.diverge();
    cluster.repair = true;
    for (let call = 1; call < 120; call += 13) {
      cluster.restart();
      cluster.world.node(victim).crashAtCall(call);
      await cluster.until(() => !cluster.world.node(victim).running);
      await cluster.rounds(1);
    }
    cluster.restart();
    await cluster.allRun();
    await cluster.rounds(30);
    expect(cluster.group(victim)!.quarantine).toBeUndefined();
    expect(await cluster.answerOf(victim)).toBe(await cluster.answerOf('a'));
  });

  it('is one of a file that nobody can read: the member refuses by name', async () => {
    const cluster = new Cluster(7_003, 'memory', 0);
    await cluster.diverge();
    const { volume } = cluster.world.node(victim);
    volume.flipBit('quarantine', 8 * 17);
    let code: unknown;
    cluster.world.node(victim).crash();
    cluster.world.node(victim).run((ports) => {
      openMemberOn(ports, { name: victim, dataDir: '', peers, clusterToken: 't' }).catch(
        (error: { code: string }) => {
          code = error.code;
        },
      );
    });
    cluster.world.node(victim).restart();
    await cluster.until(() => code !== undefined);
    expect(code).toBe('quarantine-damaged');
  });
});
