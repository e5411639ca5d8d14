/**
 * Learners that stay what they are. A newcomer follows all groups and votes in each as soon as it
 * keeps up; one that was announced as a learner counts for nothing until somebody promotes it, so
 * that a member can be tried, or kept as a copy far away, without a part in any quorum.
 */
import type { SystemCommand } from '../engine/system-machine.ts';
import type { MemberId } from '../raft/entry.ts';
import type { RequestOptions } from './requests.ts';

type Propose = (command: SystemCommand, options: RequestOptions) => Promise<unknown>;

/** Announces and promotes learners; `Member.learners`. */
export class Learners {
  readonly #propose: Propose;

  /** @param propose to the system group */
  constructor(propose: Propose) {
    this.#propose = propose;
  }

  /**
   * Lets whoever joins from this address stay a learner until it is promoted.
   * @param address as the newcomer advertises it: `host:port`
   * @throws QuorateError `over-quota`, `timeout`, `aborted`
   */
  async announce(address: string, options: RequestOptions = {}): Promise<void> {
    await this.#propose({ type: 'announce-learner', address }, options);
  }

  /**
   * Takes back what {@link Learners.announce} said, if nobody has joined from there yet.
   * @throws QuorateError `timeout`, `aborted`
   */
  async retract(address: string, options: RequestOptions = {}): Promise<void> {
    await this.#propose({ type: 'retract-learner', address }, options);
  }

  /**
   * Lets a learner vote: in each group as soon as it keeps up with that group's leader.
   * @throws QuorateError `unknown-member`, `timeout`, `aborted`
   */
  async promote(id: MemberId, options: RequestOptions = {}): Promise<void> {
    await this.#propose({ type: 'promote-member', id }, options);
  }
}
