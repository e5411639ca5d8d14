/**
 * One effect for each (client, sequence), whatever happens on the way: clients ask one member after
 * another again and again, through crashes, changes of leader and snapshots. And what a leader
 * writes in its term never lands once another one leads (reliability.md, invariants 4, 12 and 13).
 */
import { describe, expect, it } from 'vitest';
import { QuorateError } from '../../src/base/errors.ts';
import type { SeededRandom } from '../../src/base/seeded-random.ts';
import { Faults } from './faults.ts';
import { MemberWorld } from './member-world.ts';
import { encodeWrite } from './registers.ts';
import { seedsOr } from './run.ts';

const clients = ['anna', 'bert', 'cleo'];
/** Long enough that the log is compacted behind many of them: see the world's tuning. */
const commandsEach = 80;
const patienceMs = 700;
const pad = 'x'.repeat(150);

/** What a client was answered for each of its commands. */
type Answers = { readonly value: string; readonly version: number }[];

class Client {
  readonly name: string;
  readonly answers: Answers = [];
  /** Commands that were asked for more than once. */
  repeated = 0;
  done = false;
  readonly #world: MemberWorld;
  readonly #random: SeededRandom;

  constructor(world: MemberWorld, name: string) {
    this.#world = world;
    this.#random = world.world.randomFor(name);
    this.name = name;
  }

  async run(): Promise<void> {
    for (let sequence = 1; sequence <= commandsEach; sequence++) {
      const value = `${this.name}-${sequence}-${pad}`;
      for (let attempt = 1; ; attempt++) {
        if (attempt === 2) this.repeated++;
        const version = await this.#ask(sequence, value);
        if (version === undefined) continue;
        this.answers.push({ value, version });
        break;
      }
    }
    this.done = true;
  }

  /** Asks some member, and gives up after a while, as the caller of a dead process does. */
  #ask(sequence: number, value: string): Promise<number | undefined> {
    const { world, names } = this.#world;
    const running =
      this.#world.running(names[this.#random.below(names.length)]!) ?? this.#anybody();
    return new Promise((resolve) => {
      world.after(patienceMs, 'no patience', () => resolve(undefined));
      if (running === undefined) return;
      const options = {
        session: { client: this.name, sequence },
        timeoutMs: patienceMs / 2,
      };
      const key = `of ${this.name}`;
      running.group.propose(encodeWrite({ key, value }), options).then(
        (version) => resolve(version as number),
        (error: unknown) => {
          // Only what a client may try again: a session must never be forgotten here.
          const { code } = error as QuorateError;
          if (!(error instanceof QuorateError) || code === 'session-expired') {
            this.#world.wrong.push(`${this.name}, ${sequence}: ${String(error)}`);
          }
        },
      );
    });
  }

  #anybody() {
    return this.#world.names.map((name) => this.#world.running(name)).find(Boolean);
  }
}

describe('clients that ask again', () => {
  it.each(seedsOr([401, 402, 403]))('have each command take effect once, seed %i', async (seed) => {
    const world = new MemberWorld({ seed, thinkMs: 500 });
    const faults = new Faults(world);
    await world.allRunning();
    const all = clients.map((name) => new Client(world, name));
    for (const client of all) void client.run();
    faults.begin(900);
    await world.pass(20_000);
    faults.heal();
    await world.until(() => all.every(({ done }) => done), 240_000);
    await world.finish();
    // `finish` has seen to it that all replicas stand at one index, with one hash.
    const { machine } = world.running('a')!.group;
    for (const { name, answers } of all) {
      const values = machine.valuesOf(`of ${name}`);
      expect(values.map((value) => value.slice(0, 20))).toEqual(
        answers.map(({ value }) => value.slice(0, 20)),
      );
      expect(answers.map(({ version }) => version)).toEqual(answers.map((_, i) => i + 1));
    }
    expect(all.reduce((sum, { repeated }) => sum + repeated, 0)).toBeGreaterThan(0);
    const log = world.running('a')!.engine.replica(1)!.raft.core.log;
    expect(log.firstIndex()).toBeGreaterThan(20);
  });
});

describe('a leader that stood still', () => {
  it.each(seedsOr([411, 412, 413]))('cannot write in its old term, seed %i', async (seed) => {
    const world = new MemberWorld({ seed, thinkMs: 20 });
    await world.allRunning();
    for (let round = 0; round < 5; round++) {
      await world.until(() => world.leader() !== undefined, 60_000);
      const old = world.leader()!;
      const { group } = world.running(old)!;
      const { term } = group.leadership;
      world.node(old).pause();
      await world.until(() => ![undefined, old].includes(world.leader()), 60_000);
      const value = `stale ${round}`;
      const refusals: string[] = [];
      world.node(old).resume();
      // It does not know yet.
      expect(group.leadership).toMatchObject({ isLeader: true, term });
      group.propose(encodeWrite({ key: 'k0', value }), { requiredTerm: term }).catch((error) => {
        refusals.push((error as QuorateError).code);
      });
      await world.until(() => refusals.length > 0, 60_000);
      expect(['stale-term', 'leadership-lost', 'no-leader', 'timeout']).toContain(refusals[0]);
      await world.finish();
      for (const name of world.names) {
        expect(world.running(name)!.group.machine.valuesOf('k0')).not.toContain(value);
      }
      world.clientsActive = true;
    }
  });
});
