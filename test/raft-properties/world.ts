/**
 * The world of a run: hosts, the network between them, and the clock of it all. What is random
 * here comes from the plan's seed; what is planned comes from its steps.
 */
import { SeededRandom } from '../../src/base/seeded-random.ts';
import { type ConfigurationState, emptyConfiguration } from '../../src/raft/configuration.ts';
import type { MemberId, Snapshot } from '../../src/raft/entry.ts';
import type { Message } from '../../src/raft/message.ts';
import { decodeMessage, encodeMessage } from '../../src/raft/wire/message.ts';
import { EventQueue } from './event-queue.ts';
import { Host } from './host.ts';
import { encodeState } from './machine.ts';
import { Oracle } from './oracle.ts';
import { type Plan, TICK } from './plan.ts';
import type { Dweller, Surroundings } from './surroundings.ts';

export class World implements Surroundings {
  readonly plan: Plan;
  readonly events = new EventQueue();
  readonly hosts = new Map<MemberId, Host>();
  readonly oracle: Oracle;
  readonly random: SeededRandom;
  /** Pairs between which nothing passes: from × 1000 + to. */
  readonly #blocked = new Set<number>();
  faulty = true;
  /** What a play lets onto the network, and what it has take longer. */
  passes: ((message: Message) => boolean) | undefined;
  delays: ((message: Message) => number) | undefined;
  /** The plan's figures, which end with the faults. */
  loss: number;
  duplication: number;
  detour: number;
  delayMax: number;
  away: number;
  diskMax: number;
  messagesSent = 0;
  /** How many reads were asked; each gets a number of its own. */
  contexts = 0;
  commands = 0;
  /** The last messages and steps, for whoever looks into a failure. */
  readonly trace: string[] | undefined;

  constructor(plan: Plan, options: { readonly trace?: boolean } = {}) {
    this.plan = plan;
    this.random = new SeededRandom(plan.seed + 2 ** 40);
    this.trace = options.trace === true ? [] : undefined;
    const { group } = plan;
    this.loss = group.loss;
    this.duplication = group.duplication;
    this.detour = group.detour;
    this.delayMax = group.delayMax;
    this.away = group.away;
    this.diskMax = group.diskMax;
    this.oracle = new Oracle(this.hosts, this.#initial());
    for (let id = 1; id <= group.voters + group.learners; id++) this.host(id).start();
  }

  #initial(): ConfigurationState {
    const { voters, learners } = this.plan.group;
    const ids = Array.from({ length: voters + learners }, (_, i) => i + 1);
    return { ...emptyConfiguration, voters: ids.slice(0, voters), learners: ids.slice(voters) };
  }

  /**
   * Founders begin with a snapshot that names them all; whoever comes later gets it, or a later
   * one, from the leader, for the log alone would not tell who founded the group.
   */
  foundation(id: MemberId): Snapshot | undefined {
    const configuration = this.#initial();
    if (id > configuration.voters.length + configuration.learners.length) return undefined;
    const data = encodeState({ index: 1, hash: 0, configuration });
    return { term: 1, index: 1, configuration, data };
  }

  /** The host of a member, made when it is first spoken of. */
  host(id: MemberId): Host {
    const found = this.hosts.get(id);
    if (found !== undefined) return found;
    const made = new Host(id, this, this.random.fork());
    this.hosts.set(id, made);
    return made;
  }

  get running(): Host[] {
    return [...this.hosts.values()].filter((host) => host.up);
  }

  /** Who leads, in the latest term that anybody running leads. */
  get leader(): Host | undefined {
    let leader: Host | undefined;
    for (const host of this.hosts.values()) {
      const core = host.raft?.core;
      if (core?.role !== 'leader') continue;
      if (leader === undefined || core.term > leader.raft!.core.term) leader = host;
    }
    return leader;
  }

  note(what: () => string): void {
    this.trace?.push(`${this.events.now.toFixed(1)} ${what()}`);
  }

  block(from: MemberId, to: MemberId): void {
    this.#blocked.add(from * 1000 + to);
  }

  heal(): void {
    this.#blocked.clear();
    this.passes = undefined;
    this.delays = undefined;
  }

  send(sent: Message, from: Dweller): void {
    this.messagesSent++;
    const message = this.plan.group.wire ? decodeMessage(encodeMessage(sent)) : sent;
    const { random } = this;
    const lost = random.fraction() < this.loss || this.passes?.(sent) === false;
    const copies = random.fraction() < this.duplication ? 2 : 1;
    this.note(() => `${lost ? 'LOST ' : ''}${JSON.stringify(message)}`);
    const longer = this.delays?.(sent) ?? 0;
    let arrives = false;
    for (let copy = 0; copy < copies && !lost; copy++) {
      const { detourMax } = this.plan.group;
      const detour = random.fraction() < this.detour;
      const takes = longer + random.fraction() * (detour ? detourMax : this.delayMax);
      this.events.after(takes, () => {
        if (this.#blocked.has(message.from * 1000 + message.to)) return;
        const target = this.hosts.get(message.to);
        if (target?.up !== true) return;
        arrives = true;
        target.deliver(message);
      });
    }
    // The host learns what became of a snapshot that it sent, sooner or later.
    if (message.type !== 'snapshot') return;
    const { life } = from;
    this.events.after(this.plan.group.detourMax * random.fraction() + TICK, () => {
      if (from.life !== life) return;
      const failed = !arrives || random.below(10) === 0;
      from.stepLater(0, { type: 'report-snapshot', member: message.to, failed });
    });
  }

  /** For the later acts of a play: none begins once the faults are over. */
  whileFaulty(delay: number, action: () => void): void {
    this.events.after(delay, () => {
      if (this.faulty) action();
    });
  }

  restartLater(host: Dweller, delay: number): void {
    this.events.after(delay, () => host.start());
  }
}
