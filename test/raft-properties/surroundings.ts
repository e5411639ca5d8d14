/** What a host sees of the world around it. */
import type { MemberId, Snapshot } from '../../src/raft/entry.ts';
import type { Input } from '../../src/raft/input.ts';
import type { Message } from '../../src/raft/message.ts';
import type { EventQueue } from './event-queue.ts';
import type { Oracle, Watched } from './oracle.ts';
import type { Plan } from './plan.ts';

/** A host, as the world needs to know it to deliver and to restart. */
export interface Dweller extends Watched {
  /** Counts the process's lives: what was sent in an earlier one may still arrive. */
  readonly life: number;
  start(): void;
  stepLater(delay: number, input: Input): void;
}

export interface Surroundings {
  readonly plan: Plan;
  readonly events: EventQueue;
  readonly oracle: Oracle;
  /** Counts commands, so that no two are the same. */
  commands: number;
  /** How often a storage has something not at hand. */
  readonly away: number;
  /** The most units that a disk takes for a task. */
  readonly diskMax: number;
  foundation(id: MemberId): Snapshot | undefined;
  send(message: Message, from: Dweller): void;
  restartLater(host: Dweller, delay: number): void;
}
