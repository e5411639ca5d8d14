/// <reference lib="esnext.disposable" preserve="true" />
/**
 * What applications see of a gossip agent.
 */

import type { Address } from '../ports/streams.ts';
import type { GossipStatistics, Member, QueryFilter } from '../swim/api.ts';
import type { Coordinate } from '../swim/coordinate.ts';
import type { GossipSettings } from '../swim/settings.ts';
import type { MemberEvent, ReceivedQuery, UserEvent } from './events.ts';
import type { KeysOutcome } from './rpc/reply.ts';
import type { SharedMap, SharedValue } from './values/shared.ts';

/** For which kind of network timers are set. */
export type PresetName = 'lan' | 'wan' | 'local';

/** What an agent may be told; everything but nothing is optional. */
export interface GossipConfig {
  /** 1 … 128 characters, unique in the cluster; the host's name by default. */
  readonly name?: string;
  /** `host:port` to listen on, UDP and TCP alike; `127.0.0.1:7946` by default. Port 0: any. */
  readonly bind?: string;
  /** `host:port` under which the others reach this member; by default as bound. */
  readonly advertise?: string;
  /** Members to join at once; `openGossip` fails with `gossip-join-failed` if none can be. */
  readonly join?: readonly string[];
  /** Members to join in the background, again and again until one is. */
  readonly retryJoin?: RetryJoin;
  /** Whether events of before the join are kept back; true by default, as in Serf. */
  readonly ignoreOldEvents?: boolean;
  readonly tags?: Readonly<Record<string, string>>;
  /** The key of 16, 24 or 32 bytes, or base64 of it, with which all traffic is encrypted. */
  readonly key?: Uint8Array | string;
  /** A file in Serf's form that keeps the keys across key rotation; wins over `key`. */
  readonly keyringPath?: string;
  /** Timers for a kind of network; `lan` by default. */
  readonly preset?: PresetName;
  /** Single settings in place of the preset's. */
  readonly settings?: Partial<GossipSettings>;
  /** `host:port` for Serf's agent RPC; none by default. */
  readonly rpc?: string | undefined;
  /** The key that clients of the RPC must show. */
  readonly rpcAuthKey?: string;
  /** A file from which the agent rejoins after a restart. */
  readonly snapshotPath?: string;
  /** Whether to rejoin also after a graceful leave; false by default. */
  readonly rejoinAfterLeave?: boolean;
  /** Refuses addresses beyond loopback without encryption, rather than warn. */
  readonly strictSecurity?: boolean;
  /** Limits of the shared values. */
  readonly values?: ValuesConfig;
  /** Ends the opening; an agent that is open is closed by `close` or `leave`. */
  readonly signal?: AbortSignal;
}

/** How joining is tried again. */
export interface RetryJoin {
  readonly addresses: readonly string[];
  /** Between attempts; 30,000 by default. */
  readonly intervalMs?: number;
  /** After how many attempts to give up; 0, the default: never. */
  readonly attemptsMax?: number;
}

/** Limits of the shared values; equal on all members, if they are to be of use. */
export interface ValuesConfig {
  /** Keys of all values and maps together, deleted ones included: 10,000 by default. */
  readonly entriesMax?: number;
  /** Bytes of all entries: 4 MiB by default, at most 8 MiB. */
  readonly bytesMax?: number;
  /** Bytes of one value, encoded: 64 KiB by default. */
  readonly valueBytesMax?: number;
  /** How long a deleted key is remembered: 24 hours by default. */
  readonly tombstoneMs?: number;
  /** How far ahead of this member's clock another's may be: 5 minutes by default. */
  readonly driftMaxMs?: number;
  /** How often stores are compared with a random member: by preset 10 s, 20 s (WAN), 5 s (local). */
  readonly compareIntervalMs?: number;
}

/** The members, as this one sees them now: a live view. */
export interface Members extends Iterable<Member> {
  /** How many are known, this one and those that failed or left included. */
  readonly size: number;
  get(name: string): Member | undefined;
  /** Those that are alive, this one included. */
  alive(): Member[];
  /** Changes from now on. Fails with `gossip-slow-consumer` if 10,000 wait to be read. */
  changes(options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<MemberEvent>;
}

/** How a query is asked. */
export interface QueryOptions {
  readonly filter?: QueryFilter;
  /** How long answers are taken; by default 16 rounds of gossip · ⌈log10(n + 1)⌉, 3.2 s on a LAN. */
  readonly timeoutMs?: number;
  /** Whether every member that gets the query says so; false by default. */
  readonly acknowledge?: boolean;
  /** Answers come through this many other members too, against loss: 0 … 5. */
  readonly relayFactor?: number;
  readonly signal?: AbortSignal;
}

/** What comes back from a query; acknowledgements only where asked for. */
export type QueryAnswer =
  | { readonly type: 'ack'; readonly from: string }
  | { readonly type: 'response'; readonly from: string; readonly payload: Uint8Array };

/** Answers a query; no answer is given for undefined. */
export type QueryHandler = (
  query: ReceivedQuery,
) => Uint8Array | string | undefined | Promise<Uint8Array | string | undefined>;

/** What became of joining. */
export interface JoinResult {
  /** How many of the addresses were joined, at least one. */
  readonly joined: number;
  readonly failures: readonly { readonly address: string; readonly reason: string }[];
}

/** The keys of the cluster. Operations reach all members; each may be repeated. */
export interface ClusterKeys {
  /** Lets every member decrypt with this key. */
  install(key: Uint8Array | string): Promise<KeysOutcome>;
  /** Makes every member encrypt with this key, which must be installed. */
  use(key: Uint8Array | string): Promise<KeysOutcome>;
  /** Makes every member forget this key, which must not be in use. */
  remove(key: Uint8Array | string): Promise<KeysOutcome>;
  /** Which keys are installed, and on how many members each. */
  list(): Promise<KeysOutcome>;
}

/** Why an agent is no longer running. */
export interface CloseReason {
  readonly reason: 'left' | 'closed' | 'failed';
  /** With `failed`: `gossip-name-conflict`, or what the network reported. */
  readonly error?: Error;
}

/**
 * A running member of a gossip cluster.
 *
 * Every method fails with `gossip-stopped` after `leave` or `close`.
 */
export interface Gossip {
  readonly name: string;
  /** Where the others reach this member. */
  readonly address: Address;
  /** Where the agent RPC listens, if it does. */
  readonly rpcAddress: Address | undefined;
  readonly members: Members;
  readonly keys: ClusterKeys;
  /** Resolves, never rejects, when the agent has stopped, by whatever cause. */
  readonly closed: Promise<CloseReason>;

  /** Joins by `host:port`; names are resolved. `gossip-join-failed` if none could be. */
  join(addresses: readonly string[], options?: JoinOptions): Promise<JoinResult>;
  /** Leaves gracefully, so that the others see `left` and not `failed`; then closes. */
  leave(): Promise<void>;
  /** Stops at once: the others will see this member fail. Leaves nothing open. */
  close(): Promise<void>;
  /** {@link Gossip.leave}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;

  /** Replaces this member's tags; encoded they take at most 512 bytes. */
  setTags(tags: Readonly<Record<string, string>>): void;
  /** Sends an event to all members; name and payload together at most 512 bytes. */
  event(name: string, payload?: Uint8Array | string, options?: { coalesce?: boolean }): void;
  /** Events from now on, this member's own too; of one name only, if one is given. */
  events(options?: EventsOptions): AsyncIterableIterator<UserEvent>;
  /** Asks all members, this one too. Ends when the time is over or the reader stops. */
  query(
    name: string,
    payload?: Uint8Array | string,
    options?: QueryOptions,
  ): AsyncIterableIterator<QueryAnswer>;
  /** Answers queries of that name until the function returned is called. */
  answer(name: string, handler: QueryHandler): () => void;
  /** Turns a failed member into one that left; with `prune` it is also forgotten. */
  forceLeave(name: string, options?: { prune?: boolean }): Promise<void>;

  /** A value shared by all members that open it. */
  value<T>(name: string): SharedValue<T>;
  /** A map shared by all members that open it. */
  map<T>(name: string): SharedMap<T>;
  /**
   * Compares the shared values with one living member and takes over what is newer there.
   * Resolves with its name, or undefined when there is no such member.
   */
  pullValues(options?: { signal?: AbortSignal }): Promise<string | undefined>;

  /** The estimated round trip to a member in milliseconds, or undefined if it is not known. */
  roundTripMs(name: string): number | undefined;
  coordinate(name?: string): Coordinate | undefined;
  statistics(): GossipStatistics;
}

/** How events are read. */
export interface EventsOptions {
  readonly name?: string;
  readonly signal?: AbortSignal;
}

/** How joining is done. */
export interface JoinOptions {
  /** Whether events of before the join are kept back; true by default. */
  readonly ignoreOldEvents?: boolean;
  readonly signal?: AbortSignal;
}
