/**
 * How members may find each other without being told addresses: the member says what it wants of
 * discovery, and a gossip agent, or anything else, provides it. Discovery only ever finds and
 * reports: who votes is decided by the cluster's own log.
 */

import type { Cancel } from '../ports/callbacks.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { MemberInfo } from './member-info.ts';

/** Where members are, and who seems to be gone, as far as is known now. */
export interface Discovery {
  /** Tells the others where this member is reached. */
  announce(self: { readonly name: string; readonly address: string }): void;
  /** Addresses, `host:port`, of other members of this cluster that seem to be alive. */
  addresses(): readonly string[];
  /** Names of members that were seen and seem to be gone. */
  gone(): readonly string[];
}

/** What becomes of a member that has been gone for long. */
export interface DeadMemberPolicy {
  /** Gone for this long is dead. Default 10 minutes. */
  readonly afterMs?: number;
  /**
   * Asked, on the leader, once for each member that is dead: `remove` takes it out of the cluster
   * for good. Without it a dead member is only reported, as a warning.
   */
  readonly decide?: (member: MemberInfo, goneMs: number) => 'keep' | 'remove';
}

const AFTER_MS = 600_000;
const LOOK_EVERY_MS = 1000;

/** What the watch needs of the member. */
export interface WatchInit {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly discovery: Discovery;
  readonly policy: DeadMemberPolicy;
  readonly members: () => readonly MemberInfo[];
  /** Whether this member leads the system group, and so is the one to act. */
  readonly leads: () => boolean;
  readonly remove: (member: MemberInfo) => Promise<void>;
}

/** Watches for members that have been gone for long. */
export class DeadMemberWatch {
  readonly #init: WatchInit;
  /** Since when names have been gone, and whether that was reported. */
  readonly #gone = new Map<string, { readonly sinceMs: number; reported: boolean }>();
  #cancel: Cancel = () => {};

  constructor(init: WatchInit) {
    this.#init = init;
    this.#later();
  }

  stop(): void {
    this.#cancel();
  }

  #later(): void {
    this.#cancel = this.#init.clock.after(LOOK_EVERY_MS, () => {
      this.#look();
      this.#later();
    });
  }

  #look(): void {
    const { clock, discovery, policy, members, leads } = this.#init;
    const nowMs = clock.monotonicMs();
    const gone = new Set(discovery.gone());
    for (const name of this.#gone.keys()) if (!gone.has(name)) this.#gone.delete(name);
    for (const name of gone) {
      const since = this.#gone.get(name) ?? { sinceMs: nowMs, reported: false };
      this.#gone.set(name, since);
      const goneMs = nowMs - since.sinceMs;
      if (since.reported || goneMs < (policy.afterMs ?? AFTER_MS) || !leads()) continue;
      const member = members().find((each) => each.name === name);
      if (member === undefined) continue;
      since.reported = true;
      this.#report(member, goneMs);
    }
  }

  #report(member: MemberInfo, goneMs: number): void {
    const { logger, policy, remove } = this.#init;
    const { id, name } = member;
    logger.warn({ id, name, goneMs: Math.round(goneMs) }, 'a member has been gone for long');
    if (policy.decide?.(member, goneMs) !== 'remove') return;
    remove(member).catch((err: unknown) => {
      logger.warn({ id, name, err }, 'a dead member could not be removed');
    });
  }
}
