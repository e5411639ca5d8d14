/**
 * What an agent needs of the process that it runs in, beside a configuration: the ports and a few
 * facts. The door makes a real one; a simulated world makes one for each of its nodes.
 */
import type { Clock } from '../ports/clock.ts';
import type { Crypto } from '../ports/crypto.ts';
import type { Disk } from '../ports/disk.ts';
import type { Logger } from '../ports/logger.ts';
import type { Packets } from '../ports/packets.ts';
import type { Random } from '../ports/random.ts';
import type { Streams } from '../ports/streams.ts';

/** A file, on a disk whose root is the directory that holds it. */
export interface FilePlace {
  readonly disk: Disk;
  readonly name: string;
}

/** The process around an agent. */
export interface GossipHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly streams: Streams;
  readonly packets: Packets;
  readonly crypto: Crypto;
  readonly logger: Logger;
  /** Where the file of that path is. */
  readonly place: (path: string) => FilePlace;
  /** The machine's name: an agent's name by default. */
  readonly hostName: string;
  /** Facts about the process for `serf info`: system, architecture, versions. */
  readonly runtime: Readonly<Record<string, string>>;
}
