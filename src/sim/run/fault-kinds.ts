/**
 * What each kind of fault does. Each answers whether it did anything: some are not possible where
 * too much is damaged or under way already, and then wait for another run.
 */
import { healthyDisk } from '../disk-faults.ts';
import { healthyLink } from '../network.ts';
import { loseTail } from './lost-tail.ts';
import type { FaultKind, PlannedFault } from './plan.ts';
import type { FaultGround } from './repairs.ts';

type Begin = (ground: FaultGround, name: string, fault: PlannedFault) => boolean;

/** Calls of ports after which a process is made to crash, at most. */
const crashCallsMax = 400;
/** Of a log, the end that nothing may vouch for yet: it is not damaged. */
const unsealedBytes = 4096;
/** How many members there may be. */
const membersMax = 7;

const damageCodes = ['log-damaged', 'vote-damaged', 'identity-damaged', 'snapshot-damaged'];

/** See above. */
export const kinds: Readonly<Record<FaultKind, Begin>> = {
  crash(ground, name, { dice, forMs }) {
    const power = powerOf(dice[0]);
    ground.tell(`${name} crashes, power ${power}`, name);
    ground.cluster.crash(name, power);
    startLater(ground, name, forMs);
    return true;
  },
  'crash-at-step'(ground, name, { dice, forMs }) {
    const { cluster } = ground;
    if (!cluster.node(name).running) return false;
    const count = 1 + below(dice[0], crashCallsMax);
    const power = powerOf(dice[1]);
    ground.tell(`${name} is to crash at call ${count}, power ${power}`, name);
    cluster.node(name).crashAtCall(count, { power });
    startLater(ground, name, forMs);
    return true;
  },
  'crash-again'(ground, name, { dice, forMs }) {
    const { cluster } = ground;
    if (cluster.gone.has(name)) return false;
    ground.tell(`${name} crashes, and again while it recovers`, name);
    cluster.crash(name);
    cluster.restart(name);
    cluster.node(name).crashAtCall(1 + below(dice[0], 120));
    startLater(ground, name, forMs);
    return true;
  },
  'power-cut'(ground, _, { dice, forMs }) {
    const { cluster } = ground;
    ground.tell('power is lost everywhere');
    for (const [at, name] of cluster.present.entries()) {
      cluster.crash(name);
      startLater(ground, name, 20 + (forMs * ((at + dice[0]) % 1)) / 2 + at * 50 * dice[1]);
    }
    return true;
  },
  pause(ground, name, { forMs }) {
    const node = ground.cluster.node(name);
    if (!node.running) return false;
    ground.tell(`${name} stands still for ${forMs} ms`, name);
    node.pause();
    ground.later(forMs, 'resume', () => node.resume());
    return true;
  },
  partition(ground, name, { dice, forMs }) {
    const { cluster } = ground;
    // Two sides; the side of the target has one to half of the members.
    const others = cluster.present.filter((each) => each !== name);
    const extra = below(dice[0], Math.max(1, Math.floor(cluster.present.length / 2)));
    const side = [name, ...others.slice(0, extra)];
    const rest = others.slice(extra);
    ground.tell(`the network parts: ${side.join(' ')} | ${rest.join(' ')}`, name);
    cluster.world.network.partition(side, rest);
    healLater(ground, forMs);
    return true;
  },
  'one-way-partition'(ground, name, { dice, forMs }) {
    const { network } = ground.cluster.world;
    const others = ground.cluster.present.filter((each) => each !== name);
    const deaf = dice[0] < 0.5;
    ground.tell(deaf ? `${name} hears nobody` : `nobody hears ${name}`, name);
    if (deaf) network.partition(others, [name], { oneWay: true });
    else network.partition([name], others, { oneWay: true });
    healLater(ground, forMs);
    return true;
  },
  'isolate-leader'(ground, _, { forMs }) {
    const { cluster } = ground;
    const leader = leaderOf(ground);
    if (leader === undefined) return false;
    ground.tell(`${leader}, the leader, is cut off`, leader);
    const others = cluster.present.filter((each) => each !== leader);
    cluster.world.network.partition([leader], others);
    // Long enough for another to be elected and to write, while this one still believes it leads.
    healLater(ground, 2_000 + forMs);
    return true;
  },
  clog(ground, name, { dice, forMs }) {
    const other = otherThan(ground, name, dice[0]);
    ground.tell(`${name} to ${other} is held up`, name);
    ground.cluster.world.network.clog(name, other);
    healLater(ground, forMs);
    return true;
  },
  'half-open'(ground, name, { dice }) {
    // One side believes in connections that the other has forgotten.
    const other = otherThan(ground, name, dice[0]);
    const { network } = ground.cluster.world;
    ground.tell(`connections of ${name} and ${other} break, ${other} does not hear of it`, name);
    network.cut(name, other);
    network.reset(name, other);
    healLater(ground, 1 + 200 * dice[1]);
    return true;
  },
  'bad-network'(ground, _, { dice, forMs }) {
    const { network } = ground.cluster.world;
    ground.tell('the network is bad: late, lost, doubled, flipped');
    network.setFaults({
      delayMs: [0.05, 1 + 30 * dice[0]],
      slowChance: 0.05,
      slowMs: [10, 300],
      lossChance: 0.1 * dice[1],
      duplicateChance: 0.05,
      flipChance: 0.006 * dice[2],
      resetChance: 0.006 * dice[0],
    });
    ground.later(forMs, 'a good network', () => network.setFaults(healthyLink));
    return true;
  },
  clock(ground, name, { dice, forMs }) {
    const { clocks } = ground.cluster.node(name);
    clocks.rate = 0.5 + 1.5 * dice[0];
    clocks.jumpWall((dice[1] - 0.5) * 1e7);
    ground.tell(`the clock of ${name} runs at ${clocks.rate.toFixed(2)}, and jumps`, name);
    ground.later(forMs, 'a good clock', () => {
      clocks.rate = 1;
    });
    return true;
  },
  'slow-disk'(ground, name, { dice, forMs }) {
    const { volume } = ground.cluster.node(name);
    ground.tell(`the disk of ${name} is slow`, name);
    const syncMs = [1, 1 + 100 * dice[0]] as const;
    volume.faults = { ...healthyDisk, syncMs, stallChance: 0.01, stallMs: [100, 3000] };
    ground.later(forMs, 'a quick disk', () => {
      volume.faults = healthyDisk;
    });
    return true;
  },
  'broken-disk'(ground, name, { dice, forMs }) {
    const { cluster } = ground;
    const { volume } = cluster.node(name);
    ground.tell(`the disk of ${name} fails now and then`, name);
    cluster.excuseDisk(name);
    const chance = 0.03 * dice[0];
    volume.faults = {
      ...healthyDisk,
      readErrorChance: chance,
      writeErrorChance: chance,
      syncErrorChance: chance,
      shortWriteChance: chance,
    };
    ground.later(forMs, 'a good disk', () => {
      volume.faults = healthyDisk;
      cluster.restart(name);
    });
    return true;
  },
  'full-disk'(ground, name, { forMs }) {
    const { cluster } = ground;
    const { volume } = cluster.node(name);
    ground.tell(`the disk of ${name} is full`, name);
    cluster.excuseDisk(name);
    const before = volume.capacityBytes;
    volume.capacityBytes = volume.usedBytes;
    ground.later(forMs, 'space on disk', () => {
      volume.capacityBytes = Math.max(before, volume.capacityBytes);
      cluster.restart(name);
    });
    return true;
  },
  'bit-rot'(ground, name, { dice, forMs }) {
    const { cluster, repairs } = ground;
    if (!mayLose(ground)) return false;
    const { volume } = cluster.node(name);
    const paths = volume.files().filter((path) => !path.endsWith('.tmp'));
    const path = paths[below(dice[0], paths.length)];
    if (path === undefined) return false;
    const size = endOf(volume.content(path));
    const sound = path.endsWith('.log') ? size - unsealedBytes : size;
    if (sound < 1) return false;
    repairs.damaged = name;
    cluster.excuse(name, [...damageCodes, 'member-failed', 'machine-failed']);
    cluster.checkers.consensus.forgiven.add(name);
    cluster.crash(name, 'kept');
    const bit = below(dice[1], 8 * sound);
    ground.tell(`a bit of ${path} of ${name} rots, at byte ${Math.floor(bit / 8)}`, name);
    volume.flipBit(path, bit);
    ground.later(forMs / 4, `start ${name}`, () => cluster.restart(name));
    // Recovered or refused: either way it is replaced, for what it holds is not to be trusted.
    cluster.world.after(forMs / 4 + 1_000, `replace ${name}`, () => {
      if (repairs.damaged !== name || cluster.gone.has(name)) return;
      repairs.replace(name);
    });
    return true;
  },
  'misdirected-write'(ground, name, { dice, forMs }) {
    const { cluster, repairs } = ground;
    const { volume } = cluster.node(name);
    if (!mayLose(ground) || !cluster.node(name).running) return false;
    ground.tell(`writes of ${name} go astray`, name);
    repairs.damaged = name;
    cluster.excuse(name, [...damageCodes, 'member-failed', 'machine-failed']);
    cluster.excuseDisk(name);
    cluster.checkers.consensus.forgiven.add(name);
    volume.faults = { ...healthyDisk, misdirectedWriteChance: 0.02 + 0.3 * dice[0] };
    // What it has acknowledged may be nowhere: it must not come back with this disk.
    cluster.world.after(Math.min(forMs, 1_000), `replace ${name}`, () => {
      cluster.crash(name, 'lost');
      repairs.replace(name);
    });
    return true;
  },
  'lost-tail'(ground, name, fault) {
    return mayLose(ground) && loseTail(ground, name, fault);
  },
  restart(ground, name, { forMs }) {
    closeAndRestart(ground, name, forMs / 4);
    return true;
  },
  'rolling-restart'(ground) {
    // As for an upgrade: one after the other, in good order.
    ground.tell('all members are restarted, one after the other');
    for (const [at, name] of ground.cluster.present.entries()) {
      ground.later(at * 1_500, `restart ${name}`, () => closeAndRestart(ground, name, 100));
    }
    return true;
  },
  join(ground) {
    const { cluster, repairs } = ground;
    if (!mayLose(ground) || cluster.present.length >= membersMax) return false;
    repairs.join();
    return true;
  },
  remove(ground, name) {
    const { cluster, repairs } = ground;
    if (!mayLose(ground) || cluster.present.length <= 3) return false;
    ground.tell(`${name} is to be removed`, name);
    repairs.remove(name);
    return true;
  },
  replace(ground, name) {
    if (!mayLose(ground)) return false;
    ground.tell(`${name} is to be replaced`, name);
    ground.repairs.replace(name);
    return true;
  },
  wipe(ground, name, { forMs }) {
    const { cluster, repairs } = ground;
    if (!mayLose(ground) || !repairs.isKnownToAll(name)) return false;
    ground.tell(`${name} is back with an empty disk`, name);
    repairs.damaged = name;
    cluster.excuse(name, ['wrong-incarnation', 'removed-member', 'name-taken', 'member-failed']);
    cluster.checkers.consensus.forgiven.add(name);
    cluster.crash(name);
    cluster.node(name).volume.wipe();
    cluster.restart(name);
    cluster.world.after(forMs / 4 + 1_000, `replace ${name}`, () => repairs.replace(name));
    return true;
  },
  'old-backup'(ground, name, { forMs }) {
    const { cluster, repairs } = ground;
    if (!mayLose(ground)) return false;
    // A backup of a member comes back when that has been replaced: it must be turned away.
    ground.tell(`${name} is replaced; a backup of it will be started later`, name);
    const { volume } = cluster.node(name);
    const backup = volume.backup();
    cluster.checkers.consensus.forgiven.add(name);
    cluster.crash(name, 'kept');
    repairs.replace(name);
    const comeBack = (): void => {
      if (!ground.active()) return;
      if (!repairs.idle) return cluster.world.after(500, 'backup', comeBack);
      const node = cluster.node(name);
      if (node.running) node.crash();
      volume.restore(backup);
      ground.tell(`the old backup of ${name} is started`, name);
      node.restart();
    };
    cluster.world.after(1_000 + forMs, 'backup', comeBack);
    return true;
  },
  transfer(ground, name) {
    const { cluster } = ground;
    const life = cluster.running(name);
    if (life === undefined) return false;
    ground.tell(`${name} asks for leadership to move`, name);
    const { member, engine } = life;
    for (const { id } of engine.system.state.groups) {
      const group = engine.replica(id);
      if (group === undefined) continue;
      const deadlineMs = member.nowMs() + 1_000;
      const request = { type: 'transfer-leadership', group: id, target: 0, deadlineMs } as const;
      // Nobody waits for the answer.
      const asked = member.requests.ask(
        {},
        (ticket) => member.dispatch({ ...request, ticket }),
        () => {},
      );
      asked.catch(() => {});
    }
    return true;
  },
};

/** Whether a member may lose its data for good now, or membership change. */
function mayLose({ cluster, repairs }: FaultGround): boolean {
  return repairs.idle && cluster.present.length >= 3;
}

function closeAndRestart(ground: FaultGround, name: string, downMs: number): void {
  const { cluster } = ground;
  const life = cluster.running(name);
  if (life === undefined || cluster.gone.has(name)) return;
  ground.tell(`${name} closes in good order`, name);
  life.member.close().then(
    () => startLater(ground, name, downMs),
    () => {},
  );
}

function startLater({ cluster, later }: FaultGround, name: string, delayMs: number): void {
  later(delayMs, `start ${name}`, () => cluster.restart(name));
}

function healLater({ cluster, later, tell }: FaultGround, delayMs: number): void {
  later(delayMs, 'heal', () => {
    tell('the network is whole again');
    cluster.world.network.heal();
  });
}

/** Who leads the first group in the latest term. */
export function leaderOf({ cluster }: Pick<FaultGround, 'cluster'>): string | undefined {
  const leading = cluster.present.flatMap((name) => {
    const core = cluster.running(name)?.engine.replica(1)?.raft.core;
    return core?.role === 'leader' ? [{ name, term: core.term }] : [];
  });
  return leading.sort((a, b) => b.term - a.term)[0]?.name;
}

function otherThan({ cluster }: FaultGround, name: string, fraction: number): string {
  const others = cluster.present.filter((each) => each !== name);
  return others[below(fraction, others.length)] ?? name;
}

function powerOf(fraction: number): 'lost' | 'kept' {
  return fraction < 0.5 ? 'lost' : 'kept';
}

function below(fraction: number, limit: number): number {
  return Math.floor(fraction * limit);
}

/** Where a file ends that was made larger than what is in it. */
function endOf(content: Uint8Array): number {
  let end = content.length;
  while (end > 0 && content[end - 1] === 0) end--;
  return end;
}
