/**
 * What goes on beside the requests: removing what was compacted, compacting by itself, and the alarm
 * that space runs out, which ends by itself once there is room again.
 */
import { QuorateError } from '../base/errors.ts';
import type { Cancel } from '../ports/callbacks.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { KvMachine } from './machine.ts';
import type { Proposer } from './proposer.ts';

/** Compacts history by itself. */
export interface AutoCompaction {
  /** By time (`retention` in ms), or by the count of revisions that are kept. */
  readonly mode: 'periodic' | 'revision';
  /** 0: never. */
  readonly retention: number;
}

const LOOK_EVERY_MS = 250;
/** How often, and how far apart, it is looked whether removing something has made room. */
const STORE_TURNS_MAX = 20;
const STORE_TURN_MS = 25;
const COMPACTION_RECORDS_A_STEP = 500;
/** The alarm ends when so much of the quota is free again, */
const FREE_AGAIN = 0.1;
/** and has been for so long: an operator who ends it by hand, as etcd wants it, still finds it. */
const FREE_MS = 5_000;
/** As etcd: revisions are counted every five minutes. */
const REVISION_MODE_EVERY_MS = 300_000;

export class Housekeeping {
  readonly #proposer: Proposer;
  readonly #machine: KvMachine;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #memberId: () => bigint;
  readonly #quotaBytes: number;
  readonly #autoCompaction: AutoCompaction;
  #usedBytes = 0;
  /** Since when there has been room again while the alarm is raised. */
  #roomSinceMs: number | undefined;
  /** The change of the alarm that is under way. */
  #raising: Promise<void> | undefined;
  /** Whether an operator has raised the alarm for this member: then only one ends it. */
  #raisedByHand = false;
  #cancel: Cancel = () => {};
  #closed = false;
  #sweeping = false;
  #waiting: (() => void)[] = [];
  readonly #stop: () => void;
  /** Revisions at past moments, for compaction by time; the oldest first. */
  #marks: { readonly atMs: number; readonly revision: number }[] = [];
  #compactedMs: number;

  constructor(init: {
    readonly proposer: Proposer;
    readonly machine: KvMachine;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly memberId: () => bigint;
    /** Infinity: none. */
    readonly quotaBytes: number;
    readonly autoCompaction: AutoCompaction;
  }) {
    this.#proposer = init.proposer;
    this.#machine = init.machine;
    this.#clock = init.clock;
    this.#logger = init.logger;
    this.#memberId = init.memberId;
    this.#quotaBytes = init.quotaBytes;
    this.#autoCompaction = init.autoCompaction;
    this.#compactedMs = init.clock.monotonicMs();
    this.#stop = init.machine.onApplied(({ command }) => {
      if (command.type === 'compact') this.#sweep();
      else if (command.type === 'alarm' && command.memberId === this.#memberId()) {
        this.#raisedByHand = command.action === 'activate' && this.#raising === undefined;
      }
    });
    this.#schedule();
    this.#sweep();
  }

  get quotaBytes(): number {
    return this.#quotaBytes;
  }

  close(): void {
    this.#closed = true;
    this.#stop();
    this.#cancel();
    for (const done of this.#waiting.splice(0)) done();
  }

  /**
   * Settles when all that was compacted is removed on this member, and, where space was short, what
   * that has given back is counted: whoever waited for it may write at once.
   */
  async compacted(): Promise<void> {
    if (this.#machine.model.compacting && !this.#closed) {
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    }
    // The store writes what was removed a moment later, in turns of the group's.
    for (let turn = 0; turn < STORE_TURNS_MAX && !this.#closed; turn++) {
      this.#usedBytes = this.#machine.model.size().usedBytes;
      if (this.#usedBytes <= this.#quotaBytes * (1 - FREE_AGAIN)) return;
      await this.#proposer.readIndex().catch(() => {});
      await new Promise<void>((resolve) => void this.#clock.after(STORE_TURN_MS, resolve));
    }
  }

  /** Whether what takes room may be written. */
  get hasRoom(): boolean {
    return this.#usedBytes <= this.#quotaBytes;
  }

  /** Refuses what takes room with `no-space`, once the alarm is there for everybody to see. */
  async refuse(): Promise<never> {
    await this.#alarm('activate');
    throw new QuorateError('no-space', `more than ${this.#quotaBytes} bytes are in use`);
  }

  #schedule(): void {
    this.#cancel = this.#clock.after(LOOK_EVERY_MS, () => {
      this.#look();
      if (!this.#closed) this.#schedule();
    });
  }

  #look(): void {
    const { model } = this.#machine;
    this.#usedBytes = model.size().usedBytes;
    const own = this.#memberId();
    const raised = model.alarms.some(
      ({ memberId, alarm }) => memberId === own && alarm === 'no-space',
    );
    if (raised && !this.#raisedByHand) this.#lookForRoom();
    else this.#roomSinceMs = undefined;
    this.#compactByItself();
  }

  #lookForRoom(): void {
    if (this.#usedBytes > this.#quotaBytes * (1 - FREE_AGAIN)) {
      this.#roomSinceMs = undefined;
      // A turn of the group's, in which its store is brought up to date.
      void this.#proposer.readIndex().catch(() => {});
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    this.#roomSinceMs ??= nowMs;
    if (nowMs - this.#roomSinceMs >= FREE_MS) void this.#alarm('deactivate');
  }

  /** Settles when the one that is under way has come to its end; never rejects. */
  #alarm(action: 'activate' | 'deactivate'): Promise<void> {
    this.#raising ??= this.#propose(action).finally(() => {
      this.#raising = undefined;
    });
    return this.#raising;
  }

  async #propose(action: 'activate' | 'deactivate'): Promise<void> {
    const command = {
      type: 'alarm',
      action,
      memberId: this.#memberId(),
      alarm: 'no-space',
    } as const;
    const facts = { usedBytes: this.#usedBytes, quotaBytes: this.#quotaBytes };
    try {
      await this.#proposer.propose(command, { asMember: true });
      this.#logger.warn({ action, ...facts }, 'the alarm for space has changed');
    } catch (error) {
      this.#logger.debug({ err: error }, 'no alarm could be raised');
    }
  }

  /** Removes what was compacted, a little at a time, so that nobody has to wait. */
  #sweep(): void {
    if (this.#sweeping || this.#closed) return;
    if (!this.#machine.model.compacting) {
      for (const done of this.#waiting.splice(0)) done();
      return;
    }
    this.#sweeping = true;
    this.#clock.after(0, () => {
      this.#sweeping = false;
      if (this.#closed) return;
      this.#machine.model.compactionStep(COMPACTION_RECORDS_A_STEP);
      this.#sweep();
    });
  }

  #compactByItself(): void {
    const { mode, retention } = this.#autoCompaction;
    if (retention <= 0) return;
    const nowMs = this.#clock.monotonicMs();
    const everyMs =
      mode === 'revision' ? REVISION_MODE_EVERY_MS : Math.min(retention / 10, 360_000);
    const { revision } = this.#machine.model;
    if (nowMs - this.#compactedMs < everyMs) return;
    this.#compactedMs = nowMs;
    if (mode === 'revision') return this.#compactTo(revision - retention);
    this.#marks.push({ atMs: nowMs, revision });
    let target = 0;
    while (this.#marks[0] !== undefined && this.#marks[0].atMs <= nowMs - retention) {
      target = this.#marks.shift()!.revision;
    }
    this.#compactTo(target);
  }

  /** The leader does it for all. */
  #compactTo(revision: number): void {
    const { compactRevision } = this.#machine.model;
    if (revision <= 0 || revision <= compactRevision) return;
    if (!this.#proposer.leadership.isLeader) return;
    this.#proposer
      .propose({ type: 'compact', revision }, { asMember: true })
      .then(() => this.#logger.info({ revision }, 'history was compacted'))
      .catch((error: unknown) => this.#logger.debug({ err: error }, 'no compaction'));
  }
}
