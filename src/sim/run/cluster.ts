/**
 * A cluster of whole members in a simulated world: the shipping code on simulated ports. It starts
 * and ends their processes, runs clients in them, and lets checkers look at everything.
 */
import { QuorateError } from '../../base/errors.ts';
import type { Engine } from '../../engine/engine.ts';
import { Refusal } from '../../machine/refusal.ts';
import type { Member } from '../../member/member.ts';
import { openMemberOn } from '../../member/open-member.ts';
import type { Tuning } from '../../member/startup-options.ts';
import type { Ports } from '../../ports/ports.ts';
import type { Random } from '../../ports/random.ts';
import { ConsensusChecker } from '../checkers/consensus.ts';
import { DurableLedger } from '../checkers/durable.ts';
import { Findings } from '../checkers/findings.ts';
import { OrderChecker } from '../checkers/order.ts';
import { StateChecker } from '../checkers/states.ts';
import type { SimNode } from '../sim-node.ts';
import { World } from '../world.ts';
import type { Hardware } from './plan.ts';
import { Story } from './story.ts';
import { type Checkers, MemberTaps } from './taps.ts';

const port = 7000;

/** How long a member may take to open its group while faults go on. */
const openTimeoutMs = 600_000;

/** Small files and frequent snapshots, so that short runs meet the ends of both. */
const tuning: Tuning = {
  engine: { snapshotAfterBytes: 8192, keptEntries: 20 },
  log: { segmentBytes: 65_536, batchBytesMax: 16_384, reserveBytes: 65_536 },
};

/** How much a simulated disk holds. */
const capacityBytes = 2 ** 25;

/** What runs on the members: opened on each, and asked by clients. */
export interface Application<Service> {
  /** The name of its group. */
  readonly group: string;
  open(member: Member, options: { readonly timeoutMs: number }): Promise<Service>;
  /** One step of a client; what it throws as a `QuorateError` or `Refusal` is no fault. */
  step(service: Service, context: ClientContext): Promise<unknown>;
}

/** What a client knows of itself. */
export interface ClientContext {
  /** Unique in the run. */
  readonly client: number;
  /** The member that it is part of. */
  readonly member: string;
  /** For everything that the client draws: the same whenever the seed is. */
  readonly random: Random;
}

/** One process of a member, from its start. */
export interface Life<Service> {
  readonly number: number;
  member: Member | undefined;
  /** Its engine: it can still be looked at when the member has closed. */
  engine: Engine | undefined;
  taps: MemberTaps | undefined;
  service: Service | undefined;
  /** Steps of clients that have begun and not ended. */
  steps: number;
  /** Why it ended; null if it closed as asked. Undefined while it runs, or once it has crashed. */
  ended: QuorateError | null | undefined;
}

/** A life that takes part. */
export type RunningLife<Service> = Life<Service> & {
  member: Member;
  engine: Engine;
  service: Service;
};

export interface ClusterOptions<Service> {
  readonly seed: number;
  readonly members: number;
  readonly application: Application<Service>;
  /** Clients in each member's process. */
  readonly clientsPerMember: number;
  /** Mean time between two steps of a client. */
  readonly thinkMs: number;
  readonly hardware: Hardware;
  readonly onEvent?: ((line: string) => void) | undefined;
}

/** Why members may end where their disk was made to fail. */
const diskCodes = ['disk-failed', 'disk-sync-failed', 'short-write', 'disk-full'];

/** See above. */
export class SimCluster<Service> {
  readonly world: World;
  readonly story: Story;
  readonly findings: Findings;
  readonly checkers: Checkers;
  /** All members that ever were, in the order in which they came. */
  readonly names: string[] = [];
  /** The ids of members, by name, once they are known. */
  readonly ids = new Map<string, number>();
  /** Members that were let go, or are to be: they are not started again. */
  readonly gone = new Set<string>();
  /** Members that are told to repair a damaged log from the others. */
  readonly repairing = new Set<string>();
  /** Codes with which a member may end, beside those of closing. */
  readonly excuses = new Map<string, Set<string>>();
  /** Whether clients go on to ask. */
  clientsActive = true;
  readonly #options: ClusterOptions<Service>;
  readonly #lives = new Map<string, Life<Service>>();
  #nextClient = 1;

  constructor(options: ClusterOptions<Service>) {
    this.#options = options;
    const { seed, onEvent } = options;
    const { turnMsMax, diskSlowness, networkSlowness } = options.hardware;
    this.world = new World({
      ...{ seed, trap: true, networkSlowness },
      nodes: { turnMsMax, diskSlowness },
      ...(onEvent === undefined ? {} : { onEvent }),
    });
    this.story = new Story(() => this.world.nowMs);
    this.findings = new Findings(({ message }) => this.story.tell('violation', undefined, message));
    const leads = (name: string, group: number, term: number): void =>
      this.story.tell('leader', name, `${name} leads group ${group} in term ${term}`);
    this.checkers = {
      consensus: new ConsensusChecker(this.findings, leads),
      states: new StateChecker(this.findings),
      order: new OrderChecker(this.findings),
    };
    const names = Array.from({ length: options.members }, (_, at) => nameOf(at));
    const peers = names.map((name) => ({ name, address: `${name}:${port}` }));
    for (const name of names) this.#add(name, { peers });
  }

  /** Members that belong to the cluster, as far as whoever drives it has decided. */
  get present(): string[] {
    return this.names.filter((name) => !this.gone.has(name));
  }

  node(name: string): SimNode {
    return this.world.node(name);
  }

  life(name: string): Life<Service> | undefined {
    return this.#lives.get(name);
  }

  /** The process of a member, while it runs and takes part. */
  running(name: string): RunningLife<Service> | undefined {
    const life = this.#lives.get(name);
    if (life?.service === undefined || life.ended !== undefined) return undefined;
    return this.#isCurrent(name, life) ? (life as RunningLife<Service>) : undefined;
  }

  /** Starts a further member, which joins the cluster through the others; answers its name. */
  join(): string {
    const name = nameOf(this.names.length);
    const join = this.present.map((each) => `${each}:${port}`);
    this.story.tell('membership', name, `${name} joins`);
    this.#add(name, { join });
    return name;
  }

  crash(name: string, power: 'lost' | 'kept' = 'lost'): void {
    this.node(name).crash({ power });
  }

  /** Starts the member again if it does not run, or has ended. */
  restart(name: string): void {
    const node = this.node(name);
    if (this.gone.has(name)) return;
    if (node.running) {
      if (this.#lives.get(name)?.ended === undefined) return;
      node.crash({ power: 'kept' });
    }
    this.story.tell('start', name, `${name} starts again`);
    node.restart();
  }

  /** From now on the member may end with these codes. */
  excuse(name: string, codes: readonly string[]): void {
    const known = this.excuses.get(name) ?? new Set();
    for (const code of codes) known.add(code);
    this.excuses.set(name, known);
  }

  /** Its disk is made to fail: it may end with what says so. */
  excuseDisk(name: string): void {
    this.excuse(name, diskCodes);
  }

  /** Lets the world go on until `condition` holds, or something is found wrong. */
  async until(condition: () => boolean, limitMs: number): Promise<void> {
    const stop = (): boolean => this.findings.any || condition();
    await this.world.settleUntil(stop, { limitMs, eventsPerSettling: 16 });
  }

  async pass(durationMs: number): Promise<void> {
    let over = false;
    this.world.after(durationMs, 'time is up', () => {
      over = true;
      this.world.settleSoon();
    });
    await this.until(() => over, durationMs + 1);
  }

  /** No step of a client in a process that runs is under way. */
  settled(names: readonly string[]): boolean {
    return names.every((name) => {
      const life = this.running(name);
      return life !== undefined && life.steps === 0 && life.taps?.waiting.length === 0;
    });
  }

  /** Where all members stand, for messages of failed runs. */
  describe(): string[] {
    return this.present.map((name) => {
      const life = this.running(name);
      if (life === undefined) {
        const why = this.node(name).running ? (this.life(name)?.ended ?? 'opening') : 'is down';
        return `${name}: does not take part: ${why}`;
      }
      const { engine } = life;
      const groups = [0, ...engine.system.state.groups.map(({ id }) => id)].map((id) => {
        const replica = engine.replica(id);
        if (replica === undefined) return `group ${id} is not open`;
        const { role, term, leader, commit, lastIndex, configuration } = replica.raft.status();
        const { voters, learners } = configuration;
        return (
          `group ${id}: ${role} of ${leader} in term ${term}, applied ${replica.appliedIndex}, ` +
          `commit ${commit} of ${lastIndex}, voters ${voters}, learners ${learners}`
        );
      });
      const waiting = life.taps?.waiting.length ?? 0;
      return `${name} (id ${engine.self}): ${groups.join('; ')}; ${waiting} requests wait`;
    });
  }

  #add(name: string, options: { peers?: { name: string; address: string }[]; join?: string[] }) {
    this.names.push(name);
    this.world.node(name, { capacityBytes }).run((ports) => void this.#live(name, ports, options));
  }

  #isCurrent(name: string, life: Life<Service>): boolean {
    const node = this.node(name);
    return node.running && node.starts === life.number;
  }

  async #live(
    name: string,
    ports: Ports,
    how: { peers?: { name: string; address: string }[]; join?: string[] },
  ): Promise<void> {
    const number = this.node(name).starts;
    const life: Life<Service> = {
      number,
      member: undefined,
      engine: undefined,
      taps: undefined,
      service: undefined,
      steps: 0,
      ended: undefined,
    };
    this.#lives.set(name, life);
    const { application, clientsPerMember } = this.#options;
    try {
      const listen = `${name}:${port}`;
      const repair = this.repairing.has(name);
      const where = { name, dataDir: '', listen: `0.0.0.0:${port}`, advertise: listen, ...how };
      const options = { ...where, clusterToken: 'world', repair };
      const ledger = new DurableLedger();
      const watched: Ports = { ...ports, disk: ledger.watch(ports.disk) };
      const member = await openMemberOn(watched, options, tuning);
      life.member = member;
      life.engine = member.engine;
      this.ids.set(name, member.id);
      life.taps = new MemberTaps({
        name,
        member,
        life: this.checkers.consensus.begin(name, number, ledger),
        checkers: this.checkers,
        // A member whose group could not be opened goes on all the same, and votes.
        alive: () => this.#isCurrent(name, life),
        nowMs: () => this.world.nowMs,
        settled: () => this.world.settleSoon(),
      });
      void member.closed.then((error) => this.#ended(name, life, error));
      life.service = await application.open(member, { timeoutMs: openTimeoutMs });
    } catch (error) {
      if (!this.#isCurrent(name, life)) return;
      if (!(error instanceof QuorateError)) {
        this.findings.report('unnamed-error', `${name} failed without a name: ${String(error)}`);
        return;
      }
      this.#ended(name, life, error);
      // Without its group an application ends: else the member would go on to vote, unseen.
      this.crash(name, 'kept');
      return;
    }
    for (let i = 0; i < clientsPerMember; i++) void this.#client(name, ports, life);
  }

  #ended(name: string, life: Life<Service>, error: QuorateError | null): void {
    if (life.ended !== undefined || !this.#isCurrent(name, life)) return;
    life.ended = error;
    if (error === null) {
      this.story.tell('end', name, `${name} has closed`);
      return;
    }
    this.story.tell('end', name, `${name} has ended: ${error.message} (${error.code})`);
    const excused = this.excuses.get(name)?.has(error.code) ?? false;
    if (excused || error.code === 'closing') return;
    this.findings.report(
      'member-ended',
      `${name} has ended, though nothing was done to it that explains this: ${error.message} (${error.code})`,
    );
  }

  /** A client in a member's process: one step at a time, with pauses. */
  async #client(name: string, ports: Ports, life: Life<Service>): Promise<void> {
    const { application, thinkMs } = this.#options;
    const { clock } = ports;
    const client = this.#nextClient++;
    const random = this.world.randomFor(`client ${client}`);
    const context: ClientContext = { client, member: name, random };
    while (life.ended === undefined) {
      const pauseMs = thinkMs * 2 * random.fraction();
      await new Promise<void>((resolve) =>
        clock.after(pauseMs, () => {
          resolve();
          this.world.settleSoon();
        }),
      );
      if (!this.clientsActive || life.ended !== undefined) continue;
      life.steps++;
      try {
        await application.step(life.service!, context);
      } catch (error) {
        if (!(error instanceof QuorateError || error instanceof Refusal)) {
          this.findings.report('client-failed', `a client of ${name} failed: ${String(error)}`);
          return;
        }
      } finally {
        life.steps--;
      }
    }
  }
}

/** a, b, c …; after z come a1, b1 … */
function nameOf(at: number): string {
  const letter = String.fromCharCode('a'.charCodeAt(0) + (at % 26));
  return at < 26 ? letter : `${letter}${Math.floor(at / 26)}`;
}
