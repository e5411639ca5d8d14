/** All ports of this process, on Node. */
import type { Logger } from '../ports/logger.ts';
import type { Ports } from '../ports/ports.ts';
import { jsonLogger } from './json-logger.ts';
import { NodeClock } from './node-clock.ts';
import { NodeCrypto } from './node-crypto.ts';
import { NodeDisk } from './node-disk.ts';
import { NodePackets } from './node-packets.ts';
import { nodeRandom } from './node-random.ts';
import { NodeStores } from './node-stores.ts';
import { NodeStreams } from './node-streams.ts';

/**
 * The real world.
 *
 * @param options.dataDir the root of the disk; made by `disk.makeDirectory('')`.
 * @param options.logger by default warnings and errors as lines of JSON on the standard error output
 */
export function nodePorts(options: { dataDir: string; logger?: Logger }): Ports {
  return {
    clock: new NodeClock(),
    random: nodeRandom(),
    disk: new NodeDisk(options.dataDir),
    stores: new NodeStores(options.dataDir),
    streams: new NodeStreams(),
    packets: new NodePackets(),
    crypto: new NodeCrypto(),
    logger: options.logger ?? jsonLogger({ level: 'warn' }),
  };
}
