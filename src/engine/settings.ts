/** What may be set about a member, with defaults and the reasons for them. */
import type { PeerSettings } from './peers/peers.ts';
import { peerDefaults } from './peers/peers.ts';
import type { ReplicaLimits } from './replica.ts';

export interface EngineSettings {
  /** The pace of the cores' clock. 50 ms: ten ticks are an election timeout of 0.5 to 1 s. */
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Ticks without work after which a group falls quiet. */
  readonly quiesceAfterTicks: number;
  /** Bytes of entries applied since the last snapshot after which another is made. */
  readonly snapshotAfterBytes: number;
  /** The rate of each snapshot on its way to a member. */
  readonly snapshotBytesPerSecondMax: number;
  /** Entries that stay in the log behind a snapshot, for followers that are only a little behind. */
  readonly keptEntries: number;
  readonly entryBytesMax: number;
  /** A group's replicas compare their states after so many entries, and after this time at work. */
  readonly hashCheckEntries: number;
  readonly hashCheckMs: number;
  /** How often a member that leads more groups than others hands a few over; infinity for never. */
  readonly spreadLeadersMs: number;
  readonly replica: ReplicaLimits;
  readonly peers: PeerSettings;
  /** How long a closing member waits for others to take over what it leads. */
  readonly handOverMsMax: number;
  /** How long a question to another member may take. */
  readonly callMsMax: number;
}

export const engineDefaults: EngineSettings = {
  tickMs: 50,
  electionTicks: 20,
  heartbeatTicks: 2,
  quiesceAfterTicks: 100,
  snapshotAfterBytes: 64 * 2 ** 20,
  snapshotBytesPerSecondMax: 64 * 2 ** 20,
  keptEntries: 10_000,
  entryBytesMax: 8 * 2 ** 20,
  hashCheckEntries: 100_000,
  hashCheckMs: 10_000,
  spreadLeadersMs: 5000,
  replica: {
    pendingProposalsMax: 65_536,
    pendingReadsMax: 65_536,
    applyBytesPerTurnMax: 2 ** 18,
    batchBytesMax: 2 ** 20,
  },
  peers: peerDefaults,
  handOverMsMax: 3000,
  callMsMax: 5000,
};
