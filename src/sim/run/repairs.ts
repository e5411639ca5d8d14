/**
 * Keeps a map of what is damaged, so that recovery stays possible, and may be demanded: what loses
 * data of a member for good (rot, a wiped disk, writes that went astray) meets one member at a time,
 * and the next only when that one was replaced or has recovered. Losses of power, which lose nothing
 * that was synced, may meet all at once.
 */
import type { VolumeBackup } from '../sim-volume.ts';
import type { SimCluster } from './cluster.ts';

/** What kinds of faults work with. */
export interface FaultGround {
  readonly cluster: SimCluster<unknown>;
  /** Whether members may be added, removed and replaced, and disks be damaged for good. */
  readonly repairs: Repairs;
  /** Whether faults still come. */
  readonly active: () => boolean;
  /** Does something later, unless all was healed before. */
  readonly later: (delayMs: number, label: string, action: () => void) => void;
  readonly tell: (text: string, member?: string) => void;
  readonly backups: Map<string, VolumeBackup>;
}

/** The map of what is damaged, and who is on the way to replace it. */
export class Repairs {
  readonly #cluster: SimCluster<unknown>;
  /** Who has lost data for good, and is out until it is replaced. */
  damaged: string | undefined;
  /** Whether membership has ever changed, or was to. */
  changed = false;
  /** Who is to be removed: asked again until it is. */
  readonly #leaving = new Set<string>();
  /** Who has joined and is not yet a voter everywhere. */
  readonly #joining = new Set<string>();
  /** Of each member, who has it on disk which directory is that member's. */
  readonly #knownTo = new Map<string, Set<string>>();

  constructor(cluster: SimCluster<unknown>) {
    this.#cluster = cluster;
    this.#watch();
  }

  /** Whether no change of membership is under way, and nothing is damaged. */
  get idle(): boolean {
    const done = this.damaged === undefined && this.#leaving.size === 0 && this.#joining.size === 0;
    return done && atRest(this.#cluster);
  }

  /** Whether all changes are done, but for what waits for members that are dead for good. */
  settledBut(dead: ReadonlySet<string>): boolean {
    const waits = [...this.#leaving, ...this.#joining].filter((name) => !dead.has(name));
    return waits.length === 0;
  }

  /** A member goes: it is not started again, and whoever leads is asked to let it go. */
  remove(name: string): void {
    this.changed = true;
    this.#cluster.gone.add(name);
    this.#cluster.excuse(name, ['removed-member', 'removed', 'wrong-incarnation']);
    this.#leaving.add(name);
    this.#ask(name);
  }

  /**
   * Whether all others would turn a member away that came back with an empty directory. Before they
   * know its directory nobody can tell it from a founder that starts late: together with one that has
   * missed all so far it would be a majority that begins anew, and what was acknowledged is gone.
   */
  isKnownToAll(name: string): boolean {
    const known = this.#knownTo.get(name);
    return this.#cluster.present.every((other) => other === name || known?.has(other) === true);
  }

  /** A member comes. */
  join(): void {
    this.changed = true;
    const name = this.#cluster.join();
    // A newcomer that crashed while it joined may be known already, by what it was before.
    this.#cluster.excuse(name, ['name-taken', 'wrong-incarnation', 'timeout']);
    this.#joining.add(name);
    this.#await();
  }

  /** A member of the cluster has lost its data: it goes, and another comes. */
  replace(name: string): void {
    this.damaged = name;
    this.remove(name);
    this.join();
  }

  #later(label: string, action: () => void): void {
    this.#cluster.world.after(400, label, action);
  }

  /** A member through which the cluster is asked. */
  #helper() {
    const cluster = this.#cluster;
    const name = cluster.present.find((each) => cluster.running(each) !== undefined);
    return name === undefined ? undefined : cluster.running(name);
  }

  #watch(): void {
    this.#cluster.world.after(100, 'look at who is known', () => {
      this.#noteKnown();
      this.#letGoAgain();
      this.#watch();
    });
  }

  /** What a member has applied is committed, and with all that is so far written when the log is idle. */
  #noteKnown(): void {
    for (const other of this.#cluster.present) {
      const engine = this.#cluster.running(other)?.engine;
      if (engine?.log.idle !== true) continue;
      for (const { name, incarnation } of engine.system.state.members) {
        if (incarnation === undefined) continue;
        const known = this.#knownTo.get(name) ?? new Set();
        this.#knownTo.set(name, known.add(other));
      }
    }
  }

  /**
   * Who was let go may be back. A machine with an empty disk asks to be let in under its name until
   * that is free, and then is a new member, rightly so; but it is switched off for good, and would
   * vote no more. And a request of before may come late, or whoever was asked may have been behind.
   */
  #letGoAgain(): void {
    for (const { name } of this.#helper()?.engine.system.state.members ?? []) {
      if (!this.#cluster.gone.has(name) || this.#leaving.has(name)) continue;
      this.#cluster.story.tell('membership', name, `${name} is known again, and goes again`);
      this.#leaving.add(name);
      this.#ask(name);
    }
  }

  #ask(name: string): void {
    const life = this.#helper();
    const record = life?.engine.system.state.members.find((each) => each.name === name);
    const again = (): void => this.#later(`remove ${name}`, () => this.#ask(name));
    if (life === undefined) return again();
    if (record === undefined) {
      this.#gone(name);
      return;
    }
    // Whoever was asked may crash, and then nothing settles: it is looked at again in any case.
    life.member.removeMember(record.id, { timeoutMs: 2_000 }).catch(() => {});
    again();
  }

  /** Nobody knows it any more. It ends by itself, or its machine is switched off. */
  #gone(name: string): void {
    if (!this.#leaving.delete(name)) return;
    this.#cluster.story.tell('membership', name, `${name} has been removed`);
    this.#later(`switch ${name} off`, () => this.#cluster.crash(name, 'kept'));
    this.#settleDamage();
  }

  #await(): void {
    const cluster = this.#cluster;
    for (const name of [...this.#joining]) {
      const life = cluster.life(name);
      // Half-way in when it crashed: another one comes in its place.
      const taken = ['name-taken', 'wrong-incarnation', 'timeout'].includes(
        life?.ended?.code ?? '',
      );
      if (taken) {
        this.#joining.delete(name);
        this.remove(name);
        this.join();
      } else if (cluster.running(name) !== undefined && atRest(cluster)) {
        this.#joining.delete(name);
        cluster.story.tell('membership', name, `${name} votes`);
      }
    }
    this.#settleDamage();
    if (this.#joining.size > 0) this.#later('look at newcomers', () => this.#await());
  }

  #settleDamage(): void {
    const { damaged } = this;
    if (damaged === undefined || this.#joining.size > 0) return;
    if (!this.#leaving.has(damaged)) this.damaged = undefined;
  }
}

/**
 * Whether membership is at rest: all that take part, and they are a majority, agree that exactly
 * those vote in all groups that are present.
 */
export function atRest(cluster: SimCluster<unknown>): boolean {
  const { present } = cluster;
  const ids = present.map((name) => cluster.ids.get(name));
  const taking = present.filter((name) => cluster.running(name) !== undefined);
  if (2 * taking.length <= present.length) return false;
  return taking.every((name) => {
    const engine = cluster.running(name)!.engine;
    const { members, groups } = engine.system.state;
    if (members.length !== present.length) return false;
    return [0, ...groups.map(({ id }) => id)].every((group) => {
      const view = engine.replica(group)?.configuration;
      if (view === undefined || view.votersOutgoing.length > 0) return false;
      return view.voters.length === ids.length && view.voters.every((id) => ids.includes(id));
    });
  });
}
