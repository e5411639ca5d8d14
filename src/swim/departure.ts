/**
 * How members go. A graceful leave says so twice, each time waiting until it was gossiped often
 * enough: first Serf's intent, then SWIM's death by one's own word; and stays a little longer, so
 * that what it said can spread. A forced leave says it of a member that failed. Who must go because
 * another holds its name falls silent at once.
 */
import { QuorateError } from '../base/errors.ts';
import type { Context } from './context.ts';
import type { MemberTable } from './member-table.ts';
import type { Membership } from './membership.ts';
import type { SerfMembers } from './serf-members.ts';

export class Departure {
  readonly #context: Context;
  readonly #table: MemberTable;
  readonly #membership: Membership;
  readonly #members: SerfMembers;
  /** Those who wait for something to be sent. */
  readonly #waiting = new Set<(sent: boolean) => void>();
  #state: 'running' | 'leaving' | 'left' | 'shutdown' = 'running';

  constructor(parts: {
    context: Context;
    table: MemberTable;
    membership: Membership;
    members: SerfMembers;
  }) {
    this.#context = parts.context;
    this.#table = parts.table;
    this.#membership = parts.membership;
    this.#members = parts.members;
  }

  get state(): 'running' | 'leaving' | 'left' | 'shutdown' {
    return this.#state;
  }

  get isOver(): boolean {
    return this.#state === 'left' || this.#state === 'shutdown';
  }

  leave(done: (clean: boolean) => void): void {
    const { name } = this.#membership.self;
    const { leavePropagateDelayMs } = this.#context.settings;
    this.#state = 'leaving';
    this.#members.leaving = true;
    const finish = (clean: boolean) => {
      if (this.#state === 'leaving') this.#state = 'left';
      done(clean);
    };
    this.#whenSent(
      (sent) => this.#members.announceLeave(name, { prune: false, sent }),
      (intentSent) =>
        this.#whenSent(
          (sent) => this.#membership.leave(sent),
          (deathSent) => {
            const clean = intentSent && deathSent;
            if (!this.#hasCompany) return finish(clean);
            this.#context.after(leavePropagateDelayMs, () => finish(clean));
          },
        ),
    );
  }

  /** @throws QuorateError `gossip-unknown` */
  forceLeave(name: string, prune: boolean, done: (clean: boolean) => void): void {
    if (this.#members.get(name) === undefined) {
      throw new QuorateError('gossip-unknown', `no member '${name}' is known`);
    }
    this.#whenSent((sent) => this.#members.announceLeave(name, { prune, sent }), done);
  }

  shutdown(reason: string): void {
    this.#state = 'shutdown';
    this.#context.emit({ type: 'shutdown', reason });
  }

  /** Nothing more is sent: who waits for it is told so. */
  stop(): void {
    for (const settle of [...this.#waiting]) settle(false);
  }

  /** Whether anybody is there to hear us. */
  get #hasCompany(): boolean {
    // Once we have left we no longer count ourselves.
    return this.#table.living > (this.#membership.hasLeft ? 0 : 1);
  }

  /** Says something and waits until it was sent often enough, but not for ever. */
  #whenSent(say: (sent: () => void) => void, then: (sent: boolean) => void): void {
    let settled = false;
    const settle = (sent: boolean) => {
      if (settled) return;
      settled = true;
      this.#waiting.delete(settle);
      timer?.cancel();
      then(sent);
    };
    const timer = this.#hasCompany
      ? this.#context.after(this.#context.settings.broadcastTimeoutMs, () => settle(false))
      : undefined;
    this.#waiting.add(settle);
    say(() => settle(true));
    if (timer === undefined) settle(true);
  }
}
