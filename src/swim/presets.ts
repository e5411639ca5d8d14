/**
 * Settings for three kinds of network. Probe timeouts follow the round trips (a local network
 * answers within milliseconds, but a busy process not always: 500 ms); intervals are twice that or
 * more, so that helpers can answer; the rest follows from how fast news must travel and what it may
 * cost. The figures of memberlist and Serf are kept wherever mixed clusters must agree on rhythm.
 */
import type { GossipSettings } from './settings.ts';

/** One data centre: failures are seen in about ten seconds at 100 members. */
export const lanSettings: GossipSettings = {
  tcpTimeoutMs: 10_000,
  // A single lossy path must not decide; with three helpers and 10 % loss one probe in 10^4 fails.
  indirectChecks: 3,
  // 4 · ⌈log10(n + 1)⌉ rounds of fanout 3 reach everybody with overwhelming likelihood.
  retransmitMult: 4,
  // 4 s at 10 members, 8 s at 100: several rounds of gossip in which to refute.
  suspicionMult: 4,
  // Nobody confirms when we are the slow one: then six times as long.
  suspicionMaxTimeoutMult: 6,
  pushPullIntervalMs: 30_000,
  probeTimeoutMs: 500,
  probeIntervalMs: 1_000,
  tcpFallback: true,
  gossipNodes: 3,
  gossipIntervalMs: 200,
  gossipToTheDeadMs: 30_000,
  // As long as the dead are told that they are dead: after that a new address may have the name.
  deadNodeReclaimMs: 30_000,
  // Ten intervals of push/pull: by then even a member that was cut off has heard of the death.
  deadRetentionMs: 300_000,
  awarenessMax: 8,
  lifeguard: {
    localHealth: true,
    dogpile: true,
    buddy: true,
    earlyNack: true,
    patience: true,
    secondOpinion: true,
    lastCall: true,
  },

  // Fits into one Ethernet frame with the headers of IPv6 and UDP.
  packetBytesMax: 1_400,
  compression: true,
  // Within a data centre bytes are cheaper than computing.
  packetCompression: false,
  label: '',
  packetDecompressedBytesMax: 65_536,
  streamBytesMax: 20 * 2 ** 20,
  streamDecompressedBytesMax: 40 * 2 ** 20,
  streamsMax: 128,
  membersMax: 65_536,
  broadcastsMax: 4_096,

  broadcastTimeoutMs: 5_000,
  leavePropagateDelayMs: 1_000,
  reapIntervalMs: 15_000,
  reconnectIntervalMs: 30_000,
  reconnectTimeoutMs: 86_400_000,
  tombstoneTimeoutMs: 86_400_000,
  recentIntentTimeoutMs: 300_000,
  recentIntentsMax: 4_096,
  queryTimeoutMult: 16,
  queryBytesMax: 1_024,
  queryResponseBytesMax: 1_024,
  userEventBytesMax: 512,
  userEventsPerNameMax: 256,
  queriesMax: 1_024,
  coalesceMs: 0,
  coalesceQuietMs: 0,
  coordinates: true,
  resolveNameConflicts: true,
  sharedStateBytesMax: 2 ** 20,
};

/** Between data centres: round trips of a fraction of a second, and loss in bursts. */
export const wanSettings: GossipSettings = {
  ...lanSettings,
  tcpTimeoutMs: 30_000,
  // 30 s at 10 members: a path that is rerouted comes back within that.
  suspicionMult: 6,
  pushPullIntervalMs: 60_000,
  probeTimeoutMs: 3_000,
  probeIntervalMs: 5_000,
  packetCompression: true,
  // Rounds are rarer, so each reaches one member more.
  gossipNodes: 4,
  gossipIntervalMs: 500,
  gossipToTheDeadMs: 60_000,
  deadNodeReclaimMs: 60_000,
  deadRetentionMs: 600_000,
};

/** One machine: loopback loses nothing, so that one helper and short timeouts are enough. */
export const localSettings: GossipSettings = {
  ...lanSettings,
  tcpTimeoutMs: 1_000,
  indirectChecks: 1,
  retransmitMult: 2,
  suspicionMult: 3,
  pushPullIntervalMs: 15_000,
  probeTimeoutMs: 200,
  probeIntervalMs: 1_000,
  gossipIntervalMs: 100,
  gossipToTheDeadMs: 15_000,
  deadNodeReclaimMs: 15_000,
  deadRetentionMs: 150_000,
};

/** The presets by name. */
export const gossipPresets = { lan: lanSettings, wan: wanSettings, local: localSettings } as const;

/** A name of a preset. */
export type GossipPreset = keyof typeof gossipPresets;
