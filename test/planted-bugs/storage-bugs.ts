/** Planted bugs of what is kept on disk: logs, snapshots, stores, and what stands in their place. */
import type { FaultKind } from '../../src/sim/run/plan.ts';
import type { PlantedBug } from './planted-bug.ts';

const power: readonly FaultKind[] = ['power-cut', 'crash', 'crash-at-step', 'partition'];

/** See `catalogue.ts`. */
export const storageBugs: readonly PlantedBug[] = [
  {
    name: 'ignore the checksums of the log',
    plants: [
      { module: 'engine/log/segment-scan', find: 'if (!check.good)', replace: 'if (false)' },
      {
        module: 'engine/log/read-back',
        find: '|| xxhash32(view, at, end) !== places.checksum(index)',
        replace: '',
      },
    ],
    seedsMax: 3,
    subject: 'turned bit',
  },
  {
    name: 'ignore the checksums of snapshots',
    plants: [
      {
        module: 'engine/log/snapshot-format',
        find: 'if (checksum !== checksumOf(bytes, totalBytes))',
        replace: 'if (false)',
      },
    ],
    firstSeed: 9,
    seedsMax: 20,
    faults: ['bit-rot'],
  },
  {
    name: 'install a snapshot older than what is applied',
    plants: [
      {
        module: 'raft/snapshots',
        find: 'if (snapshot.index <= log.committed)',
        replace: 'if (false)',
      },
      {
        module: 'raft/snapshots',
        find: 'if (log.matches(snapshot))',
        replace: 'if (snapshot.index > log.committed && log.matches(snapshot))',
      },
    ],
    firstSeed: 9,
    seedsMax: 20,
    faults: ['partition', 'crash', 'pause', 'isolate-leader', 'clog'],
    wishes: { members: 3, clientsPerMember: 3, thinkMs: 10 },
  },
  {
    name: 'count at once after the tail of the log was cut',
    plants: [{ module: 'raft/core', find: 'if (suspect !== undefined)', replace: 'if (false)' }],
    // Others must die in the very moment: it takes a world of its own.
    firstSeed: 520,
    seedsMax: 3,
    subject: 'lost copy',
  },
  {
    name: 'compact the log past what the store has synced',
    plants: [
      {
        module: 'engine/kept-work',
        find: 'machine.kept.flush(mark, (error) => {',
        replace:
          'if (index % 2 === 0) {\nthis.#flushing.delete(machine);\nreturn then(null);\n}\n' +
          'machine.kept.flush(mark, (error) => {',
      },
    ],
    seedsMax: 20,
    subject: 'stored',
    faults: ['crash', 'crash-at-step', 'power-cut', 'slow-disk'],
    wishes: { clientsPerMember: 3, thinkMs: 5 },
  },
  {
    name: 'compact the log past what the snapshot holds',
    plants: [
      {
        module: 'engine/snapshot-work',
        find: 'const kept = Math.max(0, index - this.#settings.keptEntries);',
        replace: 'const kept = log.lastIndex();',
      },
      {
        module: 'engine/snapshot-work',
        find: 'Math.min(kept, oldest) : oldest',
        replace: 'kept : kept',
      },
    ],
    firstSeed: 9,
    seedsMax: 20,
    faults: ['crash', 'power-cut', 'partition'],
  },
  {
    name: 'publish a snapshot that is not synced',
    plants: [
      {
        module: 'engine/log/snapshot-file-writer',
        find: "{ type: 'sync', path: this.#temporary },\n            { type: 'rename'",
        replace: "{ type: 'rename'",
      },
    ],
    seedsMax: 20,
    faults: power,
    wishes: { clientsPerMember: 3, thinkMs: 10 },
  },
  {
    name: 'let a member with a wiped disk in again',
    plants: [
      { module: 'engine/peers/greeter', find: 'if (known === incarnation)', replace: 'if (true)' },
    ],
    seedsMax: 20,
    faults: ['wipe', 'crash', 'partition'],
  },
  {
    name: 'forget fencing by terms',
    plants: [
      {
        module: 'engine/group-state',
        find: 'if (requiredTerm !== 0 && requiredTerm !== term)',
        replace: 'if (false)',
      },
      {
        module: 'raft/proposals',
        find: 'if (requiredTerm !== 0 && requiredTerm !== term)',
        replace: 'if (false)',
      },
    ],
    firstSeed: 5,
    seedsMax: 20,
    subject: 'sessions',
    faults: ['transfer', 'isolate-leader', 'pause'],
    wishes: { clientsPerMember: 3, thinkMs: 10 },
  },
];
