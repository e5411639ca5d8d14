/**
 * What a gossip member takes in and what it asks of the world. `GossipCore.handle(input, nowMs)`
 * is the only way in: it changes the core's own state, synchronously and deterministically, and
 * returns the effects in the order in which they are to be carried out. The core reads no clock,
 * opens no socket and sets no timer. Its driver
 *
 * 1. passes every UDP packet as `packet`, and sends each `send-packet`;
 * 2. passes what happens on TCP connections as `stream-…` inputs, and carries out the
 *    `open-stream`, `write-stream` and `close-stream` effects;
 * 3. calls `handle({ type: 'wake' }, nowMs)` once `core.wakeAtMs` has come (read it again after
 *    every call; a late or an early wake does no harm);
 * 4. passes the application's commands, each with a `request` number of the driver's choice where
 *    an outcome is to come, and settles it at the `done` effect of that number (exactly one comes,
 *    if necessary when a timeout of the settings has passed).
 *
 * `nowMs` never decreases and may have a fraction (round trips are measured with it). A command
 * that is wrong in itself throws a {@link QuorateError} before anything has changed; a packet or
 * stream never throws: what cannot be used is dropped and counted by reason.
 */
import type { Random } from '../ports/random.ts';
import type { Coordinate } from './coordinate.ts';
import type { GossipSettings } from './settings.ts';

/** An IP address in numbers (names are resolved by the driver) and a port. */
export interface Address {
  /** IPv4 in four decimal numbers, or IPv6 as written by RFC 5952, without a zone. */
  readonly host: string;
  readonly port: number;
}

/**
 * A TCP connection. Whoever opens it numbers it: connections that the core opens are even, those
 * that the driver accepted are odd. A number is never used twice.
 */
export type StreamId = number;

/** Serf's view of a member. `leaving`: it has announced that it leaves and is still there. */
export type MemberStatus = 'alive' | 'leaving' | 'left' | 'failed';

/** What a member says of the protocols that it speaks; the order is that of the wire. */
export interface ProtocolVersions {
  readonly protocolMin: number;
  readonly protocolMax: number;
  readonly protocolCurrent: number;
  readonly delegateMin: number;
  readonly delegateMax: number;
  readonly delegateCurrent: number;
}

/** A member as this one sees it. A snapshot: it does not change after it was handed out. */
export interface Member {
  readonly name: string;
  readonly address: Address;
  readonly tags: ReadonlyMap<string, string>;
  readonly status: MemberStatus;
  readonly versions: ProtocolVersions;
  /** SWIM's incarnation number of the member, as last heard. */
  readonly incarnation: number;
}

/** Names the query that an answer belongs to: Lamport time and random id. */
export interface QueryKey {
  readonly lamportTime: number;
  readonly id: number;
}

/** Which members a query is for. All conditions must hold. */
export interface QueryFilter {
  /** Only these members. */
  readonly names?: readonly string[];
  /** Only members whose tag matches this (unanchored) regular expression; absent counts as ''. */
  readonly tags?: ReadonlyMap<string, string>;
}

/** An operation on the cluster's encryption keys; keys are 16, 24 or 32 bytes. */
export type KeyOperation =
  | { readonly kind: 'install' | 'use' | 'remove'; readonly key: Uint8Array }
  | { readonly kind: 'list' };

/** What the application asks for. */
export type GossipCommand =
  /** Joins by a push/pull with each address. `ignoreOldEvents` hides events of before the join. */
  | {
      readonly type: 'join';
      readonly request: number;
      readonly addresses: readonly Address[];
      readonly ignoreOldEvents?: boolean;
    }
  /** Leaves gracefully. After its `done` the core is silent for good and may be dropped. */
  | { readonly type: 'leave'; readonly request: number }
  /** Turns a failed member into one that has left; with `prune` it is also forgotten. */
  | {
      readonly type: 'force-leave';
      readonly request: number;
      readonly name: string;
      readonly prune?: boolean;
    }
  /** Replaces this member's tags; encoded they take at most 512 bytes. */
  | { readonly type: 'set-tags'; readonly tags: ReadonlyMap<string, string> }
  /** Tells everybody. With `coalesce`, receivers may skip all but the newest of this name. */
  | {
      readonly type: 'user-event';
      readonly name: string;
      readonly payload: Uint8Array;
      readonly coalesce?: boolean;
    }
  /** Asks everybody. Answers come as `query-ack` and `query-response`, the end as `done`. */
  | {
      readonly type: 'query';
      readonly request: number;
      readonly name: string;
      readonly payload: Uint8Array;
      readonly filter?: QueryFilter;
      readonly acknowledge?: boolean;
      /** Answers also travel through this many other members, 0 … 5. */
      readonly relayFactor?: number;
      /** By default GossipInterval · 16 · ⌈log10(n + 1)⌉, as Serf has it. */
      readonly timeoutMs?: number;
    }
  /** Stops listening to a query of ours; its `done` comes at once. */
  | { readonly type: 'query-cancel'; readonly request: number }
  /** Answers a query that came as the effect `query`, once, before its deadline. */
  | { readonly type: 'respond'; readonly query: QueryKey; readonly payload: Uint8Array }
  /** Changes or lists the keys of all members by Serf's internal queries. */
  | {
      readonly type: 'keys';
      readonly request: number;
      readonly operation: KeyOperation;
      readonly relayFactor?: number;
    }
  /**
   * Sends bytes to one member of our own kind (see the effect `direct`): in a packet, or with
   * `reliable` over a connection, where they may be as large as streamBytesMax allows.
   */
  | {
      readonly type: 'send-direct';
      readonly to: string;
      readonly payload: Uint8Array;
      readonly reliable?: boolean;
    }
  /** The bytes that every push/pull of ours carries from now on beside Serf's state. */
  | { readonly type: 'set-shared-state'; readonly payload: Uint8Array };

/** Everything that can happen to a gossip member. */
export type GossipInput =
  | GossipCommand
  | { readonly type: 'wake' }
  /** The core keeps no reference to `bytes` after the call. */
  | { readonly type: 'packet'; readonly from: Address; readonly bytes: Uint8Array }
  /** A connection was accepted; `stream` is odd. */
  | { readonly type: 'stream-accepted'; readonly stream: StreamId; readonly from: Address }
  | { readonly type: 'stream-data'; readonly stream: StreamId; readonly bytes: Uint8Array }
  /** The connection ended, failed or could not be opened; nothing more comes from it. */
  | { readonly type: 'stream-closed'; readonly stream: StreamId; readonly error?: string };

/** What became of a request. */
export type Outcome =
  | {
      readonly type: 'join';
      /** How many of the addresses were joined. */
      readonly joined: number;
      readonly failures: readonly { readonly address: Address; readonly reason: string }[];
    }
  | { readonly type: 'leave' /** Whether all was sent in time. */; readonly clean: boolean }
  | { readonly type: 'force-leave' /** Whether it was sent in time. */; readonly clean: boolean }
  | { readonly type: 'query'; readonly acks: number; readonly responses: number }
  | {
      readonly type: 'keys';
      /** Members that should have answered, that did, and that refused. */
      readonly members: number;
      readonly responses: number;
      readonly errors: number;
      /** Refusals and warnings by member. */
      readonly messages: ReadonlyMap<string, string>;
      /** For each key (base64), on how many members it is installed. */
      readonly keys: ReadonlyMap<string, number>;
      readonly primaryKeys: ReadonlyMap<string, number>;
    };

/** What happened to a member. `reap`: it was forgotten. */
export type MemberChange = 'join' | 'leave' | 'failed' | 'update' | 'reap';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Everything that a gossip member asks of its driver. */
export type GossipEffect =
  | { readonly type: 'send-packet'; readonly to: Address; readonly bytes: Uint8Array }
  /** Connect, then write `bytes`; give up (`stream-closed`) once `timeoutMs` has passed. */
  | {
      readonly type: 'open-stream';
      readonly stream: StreamId;
      readonly to: Address;
      readonly bytes: Uint8Array;
      readonly timeoutMs: number;
    }
  | { readonly type: 'write-stream'; readonly stream: StreamId; readonly bytes: Uint8Array }
  /** Flush what was written, then close. No `stream-closed` is expected afterwards. */
  | { readonly type: 'close-stream'; readonly stream: StreamId }
  | { readonly type: 'member'; readonly change: MemberChange; readonly member: Member }
  | {
      readonly type: 'user-event';
      readonly lamportTime: number;
      readonly name: string;
      readonly payload: Uint8Array;
      readonly coalesce: boolean;
    }
  /** Somebody asks; answer with `respond` until `deadlineMs` (on the core's clock). */
  | {
      readonly type: 'query';
      readonly query: QueryKey;
      readonly name: string;
      readonly payload: Uint8Array;
      readonly from: string;
      readonly deadlineMs: number;
    }
  | { readonly type: 'query-ack'; readonly request: number; readonly from: string }
  | {
      readonly type: 'query-response';
      readonly request: number;
      readonly from: string;
      readonly payload: Uint8Array;
    }
  | { readonly type: 'done'; readonly request: number; readonly outcome: Outcome }
  /** Bytes of a `send-direct` command of another member; `from` is where it came from. */
  | { readonly type: 'direct'; readonly from: Address; readonly payload: Uint8Array }
  /** The shared state of another member, from a push/pull in either direction. */
  | { readonly type: 'shared-state'; readonly payload: Uint8Array; readonly join: boolean }
  /** Keep these keys, the primary first, for the next start. */
  | { readonly type: 'keyring'; readonly keys: readonly Uint8Array[] }
  /** This member must go: another one holds its name, says the majority. The core is silent now. */
  | { readonly type: 'shutdown'; readonly reason: string }
  | { readonly type: 'log'; readonly level: LogLevel; readonly message: string };

/**
 * AES-GCM, synchronously, with tags of 16 bytes; given to the core by its driver because pure
 * folders hold no platform modules.
 */
export interface GossipCipher {
  /** 12 bytes that were never used before with any key: from a cryptographic source. */
  nonce(): Uint8Array;
  /** The ciphertext followed by its tag. `key` has 16, 24 or 32 bytes. */
  seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array;
  /** The plaintext, or `undefined` if the tag does not fit. */
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    sealed: Uint8Array,
    aad: Uint8Array,
  ): Uint8Array | undefined;
}

/** What a member is made of. */
export interface GossipOptions {
  /** 1 … 128 characters, unique in the cluster. */
  readonly name: string;
  /** Where the others reach this member, for UDP and TCP alike; an address in numbers. */
  readonly address: Address;
  readonly settings: GossipSettings;
  readonly random: Random;
  /** The clock's reading now. */
  readonly nowMs: number;
  readonly tags?: ReadonlyMap<string, string>;
  /**
   * The first incarnation is at least this. Pass the larger of what was last used (`incarnation`
   * of the core, kept with the snapshot) + 1 and the seconds since 1970: then a restart after
   * which everybody forgot everything still wins over what anybody remembers (memberlist #311).
   */
  readonly incarnation?: number;
  /** Least Lamport times, from the last run's snapshot. */
  readonly lamportTimes?: LamportTimes;
  /** Encryption keys, the primary first; absent or empty: no encryption. Needs `cipher`. */
  readonly keys?: readonly Uint8Array[];
  readonly cipher?: GossipCipher;
}

/** Readings of Serf's three Lamport clocks. */
export interface LamportTimes {
  readonly member: number;
  readonly event: number;
  readonly query: number;
}

/** Figures for people and machines; counters start at 0 with the core. */
export interface GossipStatistics {
  readonly members: number;
  readonly alive: number;
  readonly failed: number;
  readonly left: number;
  /** Lifeguard's local health score; 0 is healthy. */
  readonly healthScore: number;
  readonly memberQueue: number;
  readonly intentQueue: number;
  readonly queryQueue: number;
  readonly eventQueue: number;
  readonly lamportTimes: LamportTimes;
  readonly encrypted: boolean;
  /** Monotone counters by name, among them every reason for which something was dropped. */
  readonly counters: ReadonlyMap<string, number>;
}

/** A running member, as its driver sees it; `GossipCore` implements it. */
export interface GossipMachine {
  /** Takes one input at `nowMs` and returns what is to be done, in order. */
  handle(input: GossipInput, nowMs: number): readonly GossipEffect[];
  /** When `wake` is due next; `Infinity` if never. */
  readonly wakeAtMs: number;
  /** `left` after a leave, `shutdown` after that effect: both are silent for good. */
  readonly state: 'running' | 'leaving' | 'left' | 'shutdown';
  readonly incarnation: number;
  readonly lamportTimes: LamportTimes;
  /** All members that are known, this one too. */
  members(): readonly Member[];
  member(name: string): Member | undefined;
  /** This member's own coordinate, or another's as last heard. */
  coordinate(name?: string): Coordinate | undefined;
  /** Installed keys, the primary first. */
  keys(): readonly Uint8Array[];
  statistics(): GossipStatistics;
}
