/**
 * What the scenarios of MIT 6.824's Raft lab ask of a cluster, in their own words: is there one
 * leader, how many have applied an entry, do all agree on a new one.
 */
import { assert } from '../../src/base/assert.ts';
import type { MemberId } from '../../src/raft/entry.ts';
import { Cluster, type ClusterOptions } from './cluster.ts';

export class Lab extends Cluster {
  readonly ids: readonly MemberId[];
  readonly #connected: Set<MemberId>;
  #next = 1;

  constructor(size: number, options: Omit<ClusterOptions, 'members'> = {}) {
    const members = Array.from({ length: size }, (_, i) => i + 1);
    super({ members, storage: 'async', ...options });
    this.ids = members;
    this.#connected = new Set(members);
  }

  get connected(): readonly MemberId[] {
    return this.ids.filter((id) => this.#connected.has(id));
  }

  disconnect(...ids: MemberId[]): void {
    for (const id of ids) this.#connected.delete(id);
    this.#cut();
  }

  connect(...ids: MemberId[]): void {
    for (const id of ids) this.#connected.add(id);
    this.#cut();
  }

  #cut(): void {
    const alone = this.ids.filter((id) => !this.#connected.has(id)).map((id) => [id]);
    this.partition([...this.connected], ...alone);
  }

  /** The one leader among the connected; waits for it. */
  checkOneLeader(): MemberId {
    const leaders = () =>
      this.connected.filter((id) => this.member(id).raft?.status().role === 'leader');
    this.runUntil('one leader', () => leaders().length === 1);
    return leaders()[0]!;
  }

  /** Nobody connected leads, nor will anybody within a few election timeouts. */
  checkNoLeader(): void {
    this.run(60);
    for (const id of this.connected) {
      assert(this.member(id).raft?.status().role !== 'leader', `member ${id} leads`);
    }
  }

  /** A command that was not used before. */
  command(): string {
    return `command ${this.#next++}`;
  }

  /** How many members have applied a command. */
  appliedBy(command: string): number {
    return this.ids.filter((id) => this.applied(id).includes(command)).length;
  }

  /** Proposes to whoever leads until so many have applied it; gives the command. */
  agree(expected = this.connected.length, command = this.command()): string {
    this.runUntil(
      `${expected} have ${command}`,
      () => {
        const pending = this.ids.some((id) => this.#holds(id, command));
        const leader = this.connected.find(
          (id) => this.member(id).raft?.status().role === 'leader',
        );
        if (!pending && leader !== undefined && this.status(leader).transferTarget === 0) {
          this.propose(leader, command);
          this.settle();
        }
        return this.appliedBy(command) >= expected;
      },
      600,
    );
    return command;
  }

  /** Whether a connected member has a command in its log or applied. */
  #holds(id: MemberId, command: string): boolean {
    if (!this.#connected.has(id) || this.member(id).raft === undefined) return false;
    const text = new TextDecoder();
    return (
      this.applied(id).includes(command) ||
      this.log(id).some(({ data }) => text.decode(data) === command)
    );
  }

  /** All have the same commands, in the same order. */
  checkSame(): void {
    const [first, ...others] = this.ids.map((id) => this.applied(id).join());
    for (const other of others) assert(other === first, `${other} differs from ${first}`);
  }
}
