/**
 * All ports of one process together. The layers above take them as they need them; the platform
 * makes real ones, and a simulated world makes one set for each of its nodes.
 */
import type { Clock } from './clock.ts';
import type { Crypto } from './crypto.ts';
import type { Disk } from './disk.ts';
import type { Logger } from './logger.ts';
import type { Packets } from './packets.ts';
import type { Random } from './random.ts';
import type { Stores } from './store.ts';
import type { Streams } from './streams.ts';

/** The world as one process sees it. */
export interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly stores: Stores;
  readonly streams: Streams;
  readonly packets: Packets;
  readonly crypto: Crypto;
  readonly logger: Logger;
}
