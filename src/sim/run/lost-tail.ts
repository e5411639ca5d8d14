/**
 * A stretch of a member's log is gone, though it was synced, and something behind it says so: what
 * follows is cut, and the member is told to repair its log from the others. Until it has caught up
 * with what it may have acknowledged, its vote and its word count for nothing (`raft/suspicion.ts`).
 */
import type { PlannedFault } from './plan.ts';
import type { FaultGround } from './repairs.ts';

/** Of a log, the end that nothing may vouch for yet: it is not damaged. */
const unsealedBytes = 4096;
const lostBytesMax = 2_000;
/** How often it is looked whether the member has recovered. */
const lookEveryMs = 200;

/** Answers whether there was anything to lose. */
export function loseTail(
  { cluster, repairs, later, tell }: FaultGround,
  name: string,
  { dice, forMs }: PlannedFault,
): boolean {
  const node = cluster.node(name);
  const { volume } = node;
  const segment = volume
    .files()
    .filter((path) => /log\/.*\.log$/.test(path))
    .sort()
    .at(-1);
  if (segment === undefined || cluster.running(name) === undefined) return false;
  const content = volume.content(segment);
  const end = content.findLastIndex((byte) => byte !== 0) - unsealedBytes;
  // What is lost is near the end: there is what others may not have yet.
  const position = Math.floor(end - dice[0] * unsealedBytes);
  if (position < 0) return false;
  const bytes = 1 + Math.floor(dice[1] * lostBytesMax);
  repairs.damaged = name;
  cluster.repairing.add(name);
  cluster.checkers.consensus.forgiven.add(name);
  cluster.crash(name, 'kept');
  tell(`${bytes} bytes of ${segment} of ${name} are gone, from byte ${position}`, name);
  volume.overwrite(segment, position, new Uint8Array(bytes).fill(0xa5));
  later(forMs / 4, `start ${name}`, () => cluster.restart(name));
  const look = (): void => {
    if (repairs.damaged !== name) return;
    if (!isTrusted()) return cluster.world.after(lookEveryMs, `look at ${name}`, look);
    repairs.damaged = undefined;
    tell(`${name} has repaired its log`, name);
  };
  const isTrusted = (): boolean => {
    const engine = cluster.running(name)?.engine;
    if (engine === undefined) return false;
    return [0, ...engine.system.state.groups.map(({ id }) => id)].every(
      (id) => engine.replica(id)?.raft.core.suspicion === undefined,
    );
  };
  cluster.world.after(forMs / 4 + lookEveryMs, `look at ${name}`, look);
  return true;
}
