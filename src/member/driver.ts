/**
 * Runs an engine on ports: hands it what happens, carries out what it wants, and marks the turns.
 * The same driver runs on the real platform and in the simulated world.
 */
import { AssertionError } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import type { Effect } from '../engine/effect.ts';
import type { Event } from '../engine/event.ts';
import type { Startup } from '../engine/startup.ts';
import type { Cancel } from '../ports/callbacks.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { DiskDriver } from './disk-driver.ts';
import type { LinkDriver } from './link-driver.ts';

/** What concerns the member around the engine. */
export type MemberEffect = Extract<
  Effect,
  {
    type:
      | 'answer'
      | 'opened'
      | 'leadership'
      | 'membership'
      | 'group-deleted'
      | 'called'
      | 'backup-called'
      | 'closed';
  }
>;

export interface DriverInit {
  readonly startup: Startup;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly disk: DiskDriver;
  readonly links: LinkDriver;
  readonly tickMs: number;
  readonly handle: (effect: MemberEffect) => void;
}

export class Driver {
  readonly #init: DriverInit;
  #turnDue = false;
  #stopped = false;
  #cancelTick: Cancel = () => {};

  constructor(init: DriverInit) {
    this.#init = init;
  }

  start(): void {
    this.#tick();
    this.#scheduleTick();
  }

  /** Hands an event to the engine, and does what it asks. */
  dispatch(event: Event): void {
    if (this.#stopped) return;
    try {
      for (const effect of this.#init.startup.handle(event)) this.#perform(effect);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (event.type !== 'end-of-turn' && event.type !== 'reminded') this.#scheduleTurn();
  }

  /** Something was told to the engine beside its events: let it act on that. */
  wake(): void {
    if (!this.#stopped) this.#scheduleTurn();
  }

  /** Nothing more is handed in or carried out. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTick();
  }

  /** Ticks that a stalled process missed are not made up for: the engine would run ahead of time. */
  #scheduleTick(): void {
    const { clock, tickMs } = this.#init;
    this.#cancelTick = clock.after(tickMs, () => {
      if (this.#stopped) return;
      this.#tick();
      this.#scheduleTick();
    });
  }

  #tick(): void {
    const { clock } = this.#init;
    this.dispatch({ type: 'tick', nowMs: clock.monotonicMs(), wallMs: wholeMs(clock.wallMs()) });
  }

  #scheduleTurn(): void {
    if (this.#turnDue) return;
    this.#turnDue = true;
    this.#init.clock.endOfTurn(() => {
      this.#turnDue = false;
      this.dispatch({ type: 'end-of-turn' });
    });
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'disk': {
        const { operation } = effect;
        this.#init.disk.run(operation, (result) => {
          this.dispatch({ type: 'disk', operation: operation.id, result });
        });
        return;
      }
      case 'dial':
      case 'write':
      case 'close':
      case 'hand-over':
        this.#init.links.run(effect);
        return;
      case 'turn':
        this.#scheduleTurn();
        return;
      case 'remind':
        this.#init.clock.after(effect.afterMs, () => this.dispatch({ type: 'reminded' }));
        return;
      case 'log':
        this.#init.logger[effect.level](effect.facts, effect.message);
        return;
      default:
        this.#init.handle(effect);
    }
  }

  /** The engine found itself broken: it persists and sends nothing more. */
  #fail(error: unknown): void {
    this.stop();
    if (isVersionTrouble(error)) {
      this.#init.logger.error({ err: error }, 'the member stops: it has the wrong program');
      this.#init.handle({ type: 'closed', error });
      return;
    }
    this.#init.logger.error({ err: error }, 'the member stops: an invariant does not hold');
    const message = error instanceof AssertionError ? error.message : String(error);
    const failed = new QuorateError('member-failed', message, { cause: error });
    this.#init.handle({ type: 'closed', error: failed });
  }
}

/** A machine that this program's version cannot go on with: another program can. */
function isVersionTrouble(error: unknown): error is QuorateError {
  if (!(error instanceof QuorateError)) return false;
  return error.code === 'machine-too-old' || error.code === 'machine-too-new';
}

/** A wall clock's reading as commands carry it: one before 1970 is wrong in any case. */
export function wholeMs(wallMs: number): number {
  return Math.min(Math.max(0, Math.floor(wallMs)), 2 ** 48 - 1);
}
