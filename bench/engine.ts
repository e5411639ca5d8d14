/**
 * The engine alone: three members in one process, on disks and links that are only memory, with
 * commands proposed at the leader so many at a time. Shows what the pure part of a write costs on
 * each member: no system calls, no promises, no other processes. The least of many short slices is
 * steady even on a busy machine, where rates are not.
 *
 * `npm run bench -- engine [--slices N] [--bytes N]`; to see where the time goes:
 * `node --cpu-prof dist/bench/engine.js`
 */
import { QuorateError } from '../src/base/errors.ts';
import { SeededRandom } from '../src/base/seeded-random.ts';
import type { Effect } from '../src/engine/effect.ts';
import type { Event } from '../src/engine/event.ts';
import type { DiskResult, DiskTask } from '../src/engine/log/disk-operation.ts';
import type { Machine, Outcome } from '../src/engine/machine.ts';
import { engineDefaults } from '../src/engine/settings.ts';
import { Startup } from '../src/engine/startup.ts';

function setting(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? otherwise : Number(process.argv[at + 1] ?? otherwise);
}

const slices = setting('slices', 40);
const commandBytes = setting('bytes', 256);
const inFlights = [256, 64, 1] as const;
const WRITES_A_SLICE = 8192;
const TICK_MS = 50;

const answer: Outcome = { ok: true, value: 1 };

/** Keeps nothing. */
const nothingKept: Machine = {
  apply: () => answer,
  snapshot: () => [].values(),
  restore: () => ({ chunk: () => {}, finish: () => {} }),
};

/** A disk of files that are only memory; what is asked is done at once. */
class MemoryDisk {
  readonly #files = new Map<string, Uint8Array>();

  run(task: DiskTask): DiskResult {
    switch (task.type) {
      case 'list': {
        const inside = [...this.#files.keys()].filter((path) => path.startsWith(`${task.path}/`));
        return inside.map((path) => path.slice(task.path.length + 1));
      }
      case 'stat': {
        const file = this.#files.get(task.path);
        return file === undefined ? absent(task.path) : { kind: 'file', sizeBytes: file.length };
      }
      case 'read-whole':
        return this.#files.get(task.path)?.slice() ?? absent(task.path);
      case 'write-atomically':
        this.#files.set(task.path, task.content.slice());
        return null;
      case 'create':
        this.#files.set(task.path, new Uint8Array(task.sizeBytes));
        return null;
      case 'write': {
        let at = task.position;
        for (const buffer of task.buffers) {
          this.#roomFor(task.path, at + buffer.length).set(buffer, at);
          at += buffer.length;
        }
        return null;
      }
      case 'read':
        return this.#files.get(task.path)!.slice(task.position, task.position + task.lengthBytes);
      case 'rename':
        this.#files.set(task.to, this.#files.get(task.from)!);
        this.#files.delete(task.from);
        return null;
      case 'remove':
        this.#files.delete(task.path);
        return null;
      case 'space':
        return { freeBytes: 2 ** 40, totalBytes: 2 ** 40 };
      default:
        return null;
    }
  }

  #roomFor(path: string, bytes: number): Uint8Array {
    const file = this.#files.get(path) ?? new Uint8Array(0);
    if (file.length >= bytes) return file;
    const larger = new Uint8Array(bytes);
    larger.set(file);
    this.#files.set(path, larger);
    return larger;
  }
}

function absent(path: string): QuorateError {
  return new QuorateError('file-not-found', path);
}

/** One member, and the time that its engine has taken. */
class EngineMember {
  readonly name: string;
  readonly startup: Startup;
  /** Milliseconds within the engine. */
  spentMs = 0;
  answered = 0;
  refused: Error | undefined;
  isLeader = false;
  turnDue = false;
  readonly #world: World;
  readonly #disk = new MemoryDisk();
  readonly #links = new Map<number, { readonly other: EngineMember; readonly link: number }>();
  #nextLink = 2;

  constructor(name: string, world: World) {
    this.name = name;
    this.#world = world;
    const founders = ['a', 'b', 'c'].map((founder) => ({ name: founder, address: `${founder}:1` }));
    this.startup = new Startup({
      name,
      address: `${name}:1`,
      tags: {},
      beginning: { type: 'found', founders, token: '' },
      settings: { ...engineDefaults, tickMs: TICK_MS, snapshotAfterBytes: 2 ** 28 },
      log: { segmentBytes: 2 ** 24, reserveBytes: 0, repair: false },
      random: new SeededRandom(name.charCodeAt(0)),
      mac: undefined,
      wake: () => {},
    });
  }

  hand(event: Event): void {
    const startMs = performance.now();
    const effects = this.startup.handle(event);
    this.spentMs += performance.now() - startMs;
    if (event.type !== 'end-of-turn') this.turnDue = true;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'disk': {
        const { id, task } = effect.operation;
        const result = this.#disk.run(task);
        this.#world.later(this, { type: 'disk', operation: id, result });
        return;
      }
      case 'dial': {
        const other = this.#world.member(effect.address);
        const link = other.#nextLink;
        other.#nextLink += 2;
        this.#links.set(effect.link, { other, link });
        other.#links.set(link, { other: this, link: effect.link });
        const certifiedNames = undefined;
        this.#world.later(other, { type: 'link-accepted', link, certifiedNames });
        this.#world.later(this, { type: 'link-connected', link: effect.link, certifiedNames });
        return;
      }
      case 'write': {
        const { other, link } = this.#links.get(effect.link)!;
        // As a socket would give it: one piece of bytes of its own.
        const bytes = new Uint8Array(Buffer.concat(effect.buffers as Uint8Array[]));
        this.#world.later(other, { type: 'link-received', link, bytes });
        return;
      }
      case 'close': {
        const { other, link } = this.#links.get(effect.link)!;
        this.#world.later(other, { type: 'link-closed', link, error: null });
        return;
      }
      case 'turn':
        this.turnDue = true;
        return;
      case 'answer':
        this.answered++;
        if (!effect.outcome.ok) this.refused = effect.outcome.error;
        return;
      case 'leadership':
        if (effect.group !== 0) this.isLeader = effect.role === 'leader';
        return;
      case 'closed':
        throw effect.error;
    }
  }
}

class World {
  readonly members = ['a', 'b', 'c'].map((name) => new EngineMember(name, this));
  #waiting: { readonly to: EngineMember; readonly event: Event }[] = [];
  #nowMs = 0;
  #ticket = 1;

  later(to: EngineMember, event: Event): void {
    this.#waiting.push({ to, event });
  }

  member(address: string): EngineMember {
    return this.members.find(({ name }) => address === `${name}:1`)!;
  }

  /** One turn of everybody: what has come, then the end of each one's turn. */
  turn(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { to, event } of waiting) to.hand(event);
    for (const member of this.members) {
      if (!member.turnDue) continue;
      member.turnDue = false;
      member.hand({ type: 'end-of-turn' });
    }
  }

  tick(): void {
    this.#nowMs += TICK_MS;
    for (const member of this.members) {
      member.hand({ type: 'tick', nowMs: this.#nowMs, wallMs: this.#nowMs });
    }
  }

  until(condition: () => boolean): void {
    for (let turns = 1; !condition(); turns++) {
      this.turn();
      if (turns % 10 === 0) this.tick();
      if (turns > 100_000) throw new Error('what was waited for did not come');
    }
  }

  openGroup(): void {
    const deadlineMs = 1e9;
    for (const member of this.members) {
      const before = member.answered;
      const ticket = this.#ticket++;
      const machine = nothingKept;
      member.hand({ type: 'open-group', ticket, name: 'bench', machine, deadlineMs });
      this.until(() => member.answered > before);
    }
    this.until(() => this.members.some(({ isLeader }) => isLeader));
  }

  /** `count` writes, so many under way at a time: as many more as were answered, each turn. */
  write(leader: EngineMember, inFlight: number, count: number): void {
    const command = new Uint8Array(commandBytes).fill(7);
    const start = leader.answered;
    let begun = 0;
    for (let turns = 0; leader.answered - start < count; turns++) {
      while (begun < count && begun - (leader.answered - start) < inFlight) {
        begun++;
        leader.hand({
          type: 'propose',
          group: 1,
          ticket: this.#ticket++,
          command,
          timeMs: 1e12,
          requiredTerm: 0,
          deadlineMs: 1e9,
        });
      }
      this.turn();
      if (turns % 100 === 99) this.tick();
    }
    if (leader.refused !== undefined) throw leader.refused;
  }
}

const world = new World();
world.tick();
world.until(() => world.members.every(({ startup }) => startup.engine !== undefined));
world.openGroup();
console.log(
  `${commandBytes}-byte commands; µs a write within the engine, the least of ${slices} slices`,
);
console.log('in flight   leader   both followers   all three');
for (const inFlight of inFlights) {
  let least = { leader: Number.POSITIVE_INFINITY, all: Number.POSITIVE_INFINITY };
  for (let slice = 0; slice < slices; slice++) {
    const leader = world.members.find(({ isLeader }) => isLeader)!;
    for (const member of world.members) member.spentMs = 0;
    world.write(leader, inFlight, inFlight === 1 ? WRITES_A_SLICE / 16 : WRITES_A_SLICE);
    const count = inFlight === 1 ? WRITES_A_SLICE / 16 : WRITES_A_SLICE;
    const all = world.members.reduce((sum, { spentMs }) => sum + spentMs, 0);
    const each = { leader: (leader.spentMs * 1000) / count, all: (all * 1000) / count };
    if (each.all < least.all) least = each;
  }
  const cells = [least.leader, least.all - least.leader, least.all].map((us) => us.toFixed(2));
  console.log(
    `${String(inFlight).padStart(9)}${cells[0]!.padStart(9)}${cells[1]!.padStart(17)}${cells[2]!.padStart(12)}`,
  );
}
