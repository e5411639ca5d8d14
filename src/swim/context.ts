/**
 * What all parts of a member share while an input is handled: the time, the settings, randomness,
 * the timers, and the list in which effects are gathered.
 */
import type { Random } from '../ports/random.ts';
import type { GossipEffect, LogLevel } from './api.ts';
import type { GossipSettings } from './settings.ts';
import { Timers } from './timers.ts';

export class Context {
  readonly settings: GossipSettings;
  readonly random: Random;
  readonly timers = new Timers();
  /** The time of the input that is being handled. Never decreases. */
  nowMs: number;
  readonly counters = new Map<string, number>();
  #effects: GossipEffect[] = [];

  constructor(settings: GossipSettings, random: Random, nowMs: number) {
    this.settings = settings;
    this.random = random;
    this.nowMs = nowMs;
  }

  emit(effect: GossipEffect): void {
    this.#effects.push(effect);
  }

  /** Hands out what was gathered, and begins anew. */
  takeEffects(): readonly GossipEffect[] {
    const effects = this.#effects;
    if (effects.length > 0) this.#effects = [];
    return effects;
  }

  count(name: string, by = 1): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + by);
  }

  log(level: LogLevel, message: string): void {
    this.emit({ type: 'log', level, message });
  }

  /** Has `action` done `delayMs` from now. */
  after(delayMs: number, action: () => void) {
    return this.timers.at(this.nowMs + delayMs, action);
  }

  /**
   * Does `action` every `intervalMs()`, first after a random part of it: members that were started
   * together must not act together.
   */
  every(intervalMs: () => number, action: () => void): void {
    const next = () => {
      // Counted from when it was due would make a paused member catch up in a burst.
      this.after(intervalMs(), next);
      action();
    };
    this.after(intervalMs() * this.random.fraction(), next);
  }
}
