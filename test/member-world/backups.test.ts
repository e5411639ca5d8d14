/**
 * Backups in the midst of faults: whatever member they were taken of, and whatever happened meanwhile,
 * a backup that came to its end is the state after one entry of the history, and restores to it.
 */
import { expect, it } from 'vitest';
import { QuorateError } from '../../src/base/errors.ts';
import type { Group } from '../../src/member/group.ts';
import { openMemberOn } from '../../src/member/open-member.ts';
import { restoreMemberOn } from '../../src/member/restored-directory.ts';
import { Faults } from './faults.ts';
import { MemberWorld } from './member-world.ts';
import { Registers } from './registers.ts';
import { seedsOr } from './run.ts';

interface Taken {
  readonly index: number;
  readonly of: string;
  readonly chunks: readonly Uint8Array[];
}

async function take(of: string, group: Group<Registers>, consistency: 'linearizable' | 'local') {
  const backup = await group.backup({ consistency });
  const chunks: Uint8Array[] = [];
  for await (const bytes of backup) chunks.push(bytes);
  return { of, index: backup.groups[0]!.index, chunks };
}

it.each(seedsOr([71], [72]))(
  'are states of the history, seed %i',
  async (seed) => {
    /** The state after each command, as all replicas have it. */
    const hashes = new Map<number, number>();
    const world = new MemberWorld({
      seed,
      thinkMs: 30,
      machine: (_name, _ports, observe) =>
        new Registers((index, hash) => {
          hashes.set(index, hash);
          observe(index, hash);
        }),
    });
    const taken: Taken[] = [];
    const failed: string[] = [];
    let turn = 0;
    const takeNext = (): void => {
      const name = world.names[turn % 3]!;
      const there = world.running(name);
      const consistency = turn++ % 2 === 0 ? 'local' : 'linearizable';
      if (there !== undefined) {
        take(name, there.group, consistency).then(
          (backup) => void taken.push(backup),
          (error: unknown) => {
            failed.push(error instanceof QuorateError ? error.code : String(error));
          },
        );
      }
      world.world.after(300, 'the next backup', takeNext);
    };
    const faults = new Faults(world);
    await world.allRunning();
    faults.begin(800);
    takeNext();
    await world.pass(8000);
    faults.heal();
    await world.finish();
    expect(taken.length).toBeGreaterThan(5);
    const named = ['timeout', 'closing', 'no-leader', 'over-quota', 'disk-full', 'disk-failed'];
    for (const code of failed)
      expect([...named, 'disk-sync-failed', 'short-write']).toContain(code);

    const distinct = [...new Map(taken.map((each) => [each.index, each])).values()];
    const chosen = distinct.filter((_, n) => n % Math.ceil(distinct.length / 2) === 0);
    for (const [n, { index, of, chunks }] of chosen.entries()) {
      const source = {
        async *read() {
          yield* chunks;
        },
      };
      let found: { readonly index: number; readonly hash: number } | undefined;
      let wrong: unknown;
      let isOpen = false;
      const own = world.world.node(`restored-${n}`);
      own.run((ports) => {
        void (async () => {
          await restoreMemberOn(ports, { from: source, name: 'r' });
          const member = await openMemberOn(ports, { name: 'r', dataDir: '' });
          const machine = new Registers((at, hash) => {
            found ??= { index: at, hash };
          });
          const group = await member.group('registers', machine);
          await group.readIndex({ timeoutMs: 30_000 });
          isOpen = true;
        })().catch((error: unknown) => {
          wrong = error;
        });
      });
      await world.until(() => isOpen || wrong !== undefined, 60_000);
      expect(wrong, `${of} at ${index}`).toBeUndefined();
      const last = Math.max(0, ...[...hashes.keys()].filter((each) => each <= index));
      if (last > 0) expect(found).toEqual({ index: last, hash: hashes.get(last) });
      else expect(found).toBeUndefined();
    }
  },
  60_000,
);
