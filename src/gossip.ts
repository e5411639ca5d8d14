/**
 * `quorate/gossip`: membership, failure detection, events, queries and eventually consistent values
 * on HashiCorp Serf's wire. A real `serf agent` and one of these are members of one cluster.
 */
import type { Gossip, GossipConfig } from './gossip/api.ts';
import { openGossipOn } from './gossip/open.ts';
import { filePlace } from './platform/file-place.ts';
import { jsonLogger } from './platform/json-logger.ts';
import { NodeClock } from './platform/node-clock.ts';
import { NodeCrypto } from './platform/node-crypto.ts';
import { NodePackets } from './platform/node-packets.ts';
import { nodeRandom } from './platform/node-random.ts';
import { NodeStreams } from './platform/node-streams.ts';
import { hostName, runtimeFacts } from './platform/process-facts.ts';
import type { Logger } from './ports/logger.ts';

export { type ErrorCode, QuorateError } from './base/errors.ts';
export type * from './gossip/api.ts';
export { type GossipDiscovery, gossipDiscovery } from './gossip/discovery.ts';
export type { MemberEvent, ReceivedQuery, UserEvent } from './gossip/events.ts';
export type { KeysOutcome } from './gossip/rpc/reply.ts';
export type {
  ChangesOptions,
  SharedMap,
  SharedValue,
  ValueChange,
} from './gossip/values/shared.ts';
export type { LogFacts, Logger } from './ports/logger.ts';
export type { Address } from './ports/streams.ts';
export type {
  GossipStatistics,
  LamportTimes,
  Member,
  MemberChange,
  MemberStatus,
  ProtocolVersions,
  QueryFilter,
  QueryKey,
} from './swim/api.ts';
export type { Coordinate } from './swim/coordinate.ts';
export type { GossipSettings, LifeguardSettings } from './swim/settings.ts';

/** How an agent is opened in this process. */
export interface OpenGossipOptions extends GossipConfig {
  /** A logger in the shape of pino; by default warnings and errors go to the standard error output. */
  readonly logger?: Logger;
}

/**
 * Opens a gossip agent: binds its port (UDP and TCP), and joins where it is told to.
 *
 * Errors: `invalid-config`, `insecure-listener`, `address-in-use`, `address-unavailable`,
 * `name-not-resolved`, `gossip-join-failed`, `gossip-snapshot-damaged`, and those of the disk. After
 * an error nothing is left open.
 *
 * @example
 * ```ts
 * import { openGossip } from 'quorate/gossip';
 *
 * const gossip = await openGossip({ name: 'a', bind: '127.0.0.1:7946', tags: { role: 'web' } });
 * for (const member of gossip.members) console.log(member.name, member.status);
 * gossip.event('deploy', 'v42');
 * await gossip.leave();
 * ```
 */
export function openGossip(options: OpenGossipOptions = {}): Promise<Gossip> {
  const { logger = jsonLogger({ level: 'warn' }), ...config } = options;
  const host = {
    clock: new NodeClock(),
    random: nodeRandom(),
    streams: new NodeStreams(),
    packets: new NodePackets(),
    crypto: new NodeCrypto(),
    logger,
    place: filePlace,
    hostName: hostName(),
    runtime: runtimeFacts(),
  };
  return openGossipOn(host, config);
}

/** A new key of 32 random bytes in base64, for `key` and for `keys.install`. */
export function createGossipKey(): string {
  return btoa(String.fromCharCode(...new NodeCrypto().randomBytes(32)));
}
