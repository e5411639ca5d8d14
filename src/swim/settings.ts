/**
 * The settings of gossip: every knob with its unit, its formula and what it trades. The values
 * themselves, for three kinds of network, stand in {@link file://./presets.ts presets}. They are
 * validated as a whole, because most mistakes are contradictions: memberlist takes a probe timeout
 * above the probe interval in silence (memberlist #149) and then declares nobody or everybody dead.
 */
import { QuorateError } from '../base/errors.ts';

/** Lifeguard's extensions of SWIM (Dadgar, Phillips, Currey 2018), each of which may be off. */
export interface LifeguardSettings {
  /**
   * Local health (section IV-A): a member that misses acks and nacks suspects itself first, and
   * probes at an interval of `probeIntervalMs` · (score + 1).
   */
  readonly localHealth: boolean;
  /**
   * Dogpile (IV-B): a suspicion starts with the longest timeout, which shrinks to the shortest as
   * others confirm it. Off: always the shortest, as in SWIM.
   */
  readonly dogpile: boolean;
  /** Buddy system (IV-C): a probe of a suspect tells it of the suspicion, so that it can refute. */
  readonly buddy: boolean;
  /**
   * Ours: a helper sends its nack after 80 % of the probe timeout, and who waits for it grants it
   * 20 % more. At 100 % for both, as memberlist has it, the nack meets the end of the prober's
   * interval and is late, so that healthy members count their helpers as missing and grow deaf.
   */
  readonly earlyNack: boolean;
  /**
   * Ours: who is alone with a suspicion, and in bad health, waits longer by its health score + 1
   * before it declares a death: perhaps it only does not hear the refutation. Detection by members
   * that are well is as fast as ever. Needs `localHealth`, and the honest scores of `earlyNack`.
   */
  readonly patience: boolean;
  /**
   * Ours: a death that somebody else declares ends our own suspicion at its shortest time, but not
   * before: the accused must have had that long to refute it to us. In SWIM one member that does
   * not hear has everybody believe what only it believes.
   */
  readonly secondOpinion: boolean;
  /**
   * Ours: a probe timeout before its suspicion ends, a member tells the suspect directly; and who is
   * accused of what it has long refuted answers its accuser directly. Gossip reaches all but a few,
   * and among these may be the one that waits for the refutation.
   */
  readonly lastCall: boolean;
}

/** Everything about the protocol that may be set; `presets.ts` has the values that belong together. */
export interface GossipSettings {
  /** How long connecting and one exchange over TCP may take. */
  readonly tcpTimeoutMs: number;
  /** k: members asked to probe in our stead when an ack is missing. More: fewer false alarms. */
  readonly indirectChecks: number;
  /** Each broadcast is sent retransmitMult · ⌈log10(n + 1)⌉ times. More: fewer stragglers. */
  readonly retransmitMult: number;
  /** Shortest suspicion: suspicionMult · max(1, log10 n) · probeIntervalMs. */
  readonly suspicionMult: number;
  /** Longest suspicion, as a multiple of the shortest. */
  readonly suspicionMaxTimeoutMult: number;
  /** Full exchange with one random member; × (⌈log2 n − 5⌉ + 1) for n > 32. 0: never. */
  readonly pushPullIntervalMs: number;
  /** How long an ack may take before others are asked: the 99th percentile of a round trip. */
  readonly probeTimeoutMs: number;
  /** One member is probed in each; at least twice the timeout, so that helpers have their time. */
  readonly probeIntervalMs: number;
  /** Whether TCP is tried beside the helpers (members of protocol ≥ 3). */
  readonly tcpFallback: boolean;
  /** Members that each round of gossip goes to: the fanout. */
  readonly gossipNodes: number;
  /** Time between rounds of gossip. A quiet member sends none. */
  readonly gossipIntervalMs: number;
  /** The dead still receive gossip for this long, so that they can refute. */
  readonly gossipToTheDeadMs: number;
  /**
   * A dead name may be taken by a new address after this long; 0: never. Memberlist's 0 makes a
   * replaced machine stay out until its name is reaped (memberlist #157).
   */
  readonly deadNodeReclaimMs: number;
  /** The records of the dead outlive their gossip by this, so that nobody stale revives them. */
  readonly deadRetentionMs: number;
  /** Local health runs from 0 to this less one. */
  readonly awarenessMax: number;
  readonly lifeguard: LifeguardSettings;

  /** Largest packet sent, before compression and with everything else. */
  readonly packetBytesMax: number;
  /** Whether what goes over TCP is compressed, if that makes it smaller. Both are always read. */
  readonly compression: boolean;
  /** … and packets: saves about a third of the bytes of gossip, and doubles its computing. */
  readonly packetCompression: boolean;
  /** Separates clusters: packets and streams of another label are dropped. At most 255 bytes. */
  readonly label: string;
  /** What a packet may become when decompressed. */
  readonly packetDecompressedBytesMax: number;
  /** A push/pull, as received. */
  readonly streamBytesMax: number;
  /** A push/pull, decompressed. */
  readonly streamDecompressedBytesMax: number;
  /** Exchanges over TCP under way at once, those beyond it are refused. */
  readonly streamsMax: number;
  /** Members known at once, dead ones too; others are ignored and counted. */
  readonly membersMax: number;
  /** Pieces waiting in each broadcast queue; the oldest, most often sent, are dropped first. */
  readonly broadcastsMax: number;

  /** A graceful leave waits so long for its messages to be sent. */
  readonly broadcastTimeoutMs: number;
  /** … and then so long for them to spread. */
  readonly leavePropagateDelayMs: number;
  /** How often members that left or failed are looked through. */
  readonly reapIntervalMs: number;
  /** How often a failed member may be tried again. */
  readonly reconnectIntervalMs: number;
  /** A failed member is forgotten after this. */
  readonly reconnectTimeoutMs: number;
  /** A member that left is forgotten after this. */
  readonly tombstoneTimeoutMs: number;
  /** An intent about a member that is not known is kept for this long. */
  readonly recentIntentTimeoutMs: number;
  /** … and at most so many of them. */
  readonly recentIntentsMax: number;
  /** Query timeout: gossipIntervalMs · queryTimeoutMult · ⌈log10(n + 1)⌉. */
  readonly queryTimeoutMult: number;
  /** Whole query, whole response, name and payload of an event. */
  readonly queryBytesMax: number;
  readonly queryResponseBytesMax: number;
  readonly userEventBytesMax: number;
  /** Of one name, so many events wait to be gossiped on: one loud name does not silence others. */
  readonly userEventsPerNameMax: number;
  /** Our queries that run at once, and others' that wait for our answer. */
  readonly queriesMax: number;
  /** Coalescing of events that ask for it: how long they are gathered (0: not at all) … */
  readonly coalesceMs: number;
  /** … and how long the name must have been quiet to end earlier. */
  readonly coalesceQuietMs: number;
  /** Whether coordinates are kept and sent along with acks. */
  readonly coordinates: boolean;
  /** Whether, when another member has our name, the minority goes (Serf's rule). */
  readonly resolveNameConflicts: boolean;
  /** What `set-shared-state` may hold. */
  readonly sharedStateBytesMax: number;
}

interface Range {
  readonly min: number;
  readonly max: number;
  /** Fractions are allowed only where nothing is counted. */
  readonly whole: boolean;
}

const dayMs = 86_400_000;
const count = (min: number, max: number): Range => ({ min, max, whole: true });
const time = (min: number, max: number): Range => ({ min, max, whole: false });

type NumberKeys = {
  [Key in keyof GossipSettings]: GossipSettings[Key] extends number ? Key : never;
}[keyof GossipSettings];

/** Range of every numeric setting; the compiler holds that none is forgotten. */
const ranges: Readonly<Record<NumberKeys, Range>> = {
  tcpTimeoutMs: time(10, 600_000),
  indirectChecks: count(0, 16),
  retransmitMult: count(1, 64),
  suspicionMult: count(1, 64),
  suspicionMaxTimeoutMult: count(1, 64),
  pushPullIntervalMs: time(0, dayMs),
  probeTimeoutMs: time(1, 600_000),
  probeIntervalMs: time(2, 600_000),
  gossipNodes: count(1, 64),
  gossipIntervalMs: time(1, 600_000),
  gossipToTheDeadMs: time(0, dayMs),
  deadNodeReclaimMs: time(0, 365 * dayMs),
  deadRetentionMs: time(0, 365 * dayMs),
  awarenessMax: count(1, 64),
  packetBytesMax: count(512, 65_000),
  packetDecompressedBytesMax: count(1_024, 16 * 2 ** 20),
  streamBytesMax: count(65_536, 2 ** 30),
  streamDecompressedBytesMax: count(65_536, 2 ** 30),
  streamsMax: count(1, 65_536),
  membersMax: count(2, 2 ** 20),
  broadcastsMax: count(16, 2 ** 20),
  broadcastTimeoutMs: time(1, 600_000),
  leavePropagateDelayMs: time(0, 600_000),
  reapIntervalMs: time(10, dayMs),
  reconnectIntervalMs: time(10, dayMs),
  reconnectTimeoutMs: time(0, 365 * dayMs),
  tombstoneTimeoutMs: time(0, 365 * dayMs),
  recentIntentTimeoutMs: time(0, dayMs),
  recentIntentsMax: count(1, 2 ** 20),
  queryTimeoutMult: count(1, 1_024),
  queryBytesMax: count(64, 32_768),
  queryResponseBytesMax: count(64, 32_768),
  userEventBytesMax: count(16, 9_216),
  userEventsPerNameMax: count(1, 65_536),
  queriesMax: count(1, 65_536),
  coalesceMs: time(0, 600_000),
  coalesceQuietMs: time(0, 600_000),
  sharedStateBytesMax: count(0, 2 ** 26),
};

const labelBytesMax = 255;

/** Says what is wrong with the settings, each fault in a sentence; empty if nothing is. */
export function faultsOfSettings(settings: GossipSettings): string[] {
  const faults: string[] = [];
  for (const key of Object.keys(ranges) as NumberKeys[]) {
    const { min, max, whole } = ranges[key];
    const value = settings[key];
    if (typeof value !== 'number' || !(value >= min && value <= max)) {
      faults.push(`${key} is ${value}, but must be in ${min} … ${max}`);
    } else if (whole && !Number.isInteger(value)) {
      faults.push(`${key} is ${value}, but must be a whole number`);
    }
  }
  const demand = (holds: boolean, fault: string) => {
    if (!holds) faults.push(fault);
  };
  demand(
    settings.probeTimeoutMs < settings.probeIntervalMs,
    `probeTimeoutMs (${settings.probeTimeoutMs}) must be below probeIntervalMs (${settings.probeIntervalMs}), else a probe ends before its ack is due`,
  );
  demand(
    settings.gossipToTheDeadMs <= settings.deadRetentionMs,
    'deadRetentionMs must be at least gossipToTheDeadMs',
  );
  demand(
    settings.coalesceQuietMs <= settings.coalesceMs,
    'coalesceQuietMs must be at most coalesceMs',
  );
  demand(
    new TextEncoder().encode(settings.label).length <= labelBytesMax,
    `label must take at most ${labelBytesMax} bytes`,
  );
  // What is larger than a packet could never be sent, and would wait in the queue for ever.
  const packetRoom = settings.packetBytesMax - 64 - new TextEncoder().encode(settings.label).length;
  for (const key of ['userEventBytesMax', 'queryBytesMax', 'queryResponseBytesMax'] as const) {
    demand(settings[key] <= packetRoom, `${key} must leave 64 bytes of packetBytesMax`);
  }
  return faults;
}

/**
 * Returns the settings if they can be used.
 *
 * @throws QuorateError `invalid-config`, with every fault in its message and `details.faults`.
 */
export function validateSettings(settings: GossipSettings): GossipSettings {
  const faults = faultsOfSettings(settings);
  if (faults.length > 0) {
    throw new QuorateError('invalid-config', `gossip settings: ${faults.join('; ')}`, {
      details: { faults },
    });
  }
  return settings;
}
