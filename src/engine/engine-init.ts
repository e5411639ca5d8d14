/** What a member needs to be, once its directory is open. */
import type { QuorateError } from '../base/errors.ts';
import type { Random } from '../ports/random.ts';
import type { Position } from '../raft/entry.ts';
import type { Presence } from './cluster.ts';
import type { GroupState } from './group-state.ts';
import type { DiskRequests } from './log/disk-requests.ts';
import type { MemberLog } from './log/member-log.ts';
import type { Quarantine } from './quarantine.ts';
import type { EngineSettings } from './settings.ts';
import type { SnapshotWork } from './snapshot-work.ts';
import type { MemberRecord, SystemMachine } from './system-machine.ts';

export interface EngineInit {
  readonly settings: EngineSettings;
  readonly random: Random;
  readonly presence: Presence;
  readonly clusterId: number;
  readonly name: string;
  readonly disk: DiskRequests;
  readonly log: MemberLog;
  /** Repair a damaged log, or a replica that differs, from the other members. */
  readonly repair: boolean;
  readonly system: SystemMachine;
  readonly systemState: GroupState;
  /** What the system machine has applied, by its snapshot. */
  readonly systemApplied: Position;
  readonly snapshots: SnapshotWork;
  readonly quarantine: Quarantine;
  /** The members as this one was told when it joined: its own state may be behind that. */
  readonly told: readonly MemberRecord[];
  /** Where members may be as well, by name: what the application was told at its start. */
  readonly hints: ReadonlyMap<string, string>;
  /** Keeps the system group's first state, which is in no file, before anything rests on it. */
  readonly keepBeginning: (state: Uint8Array, then: (error: QuorateError | null) => void) => void;
  /** Keyed with the join secret, where one is shared. */
  readonly mac: ((bytes: Uint8Array) => Uint8Array) | undefined;
  /** Something has happened beside the events: lets a turn follow. */
  readonly wake: () => void;
  readonly nowMs: number;
}
