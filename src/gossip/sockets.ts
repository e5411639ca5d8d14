/**
 * The two sockets of an agent: UDP and TCP on one port. Where any port will do, the system chooses
 * one for UDP, and another is tried if TCP has that one taken.
 */
import type { QuorateError } from '../base/errors.ts';
import type { PacketEvents, PacketSocket, Packets } from '../ports/packets.ts';
import type { Address, Listener, ListenerEvents, Streams } from '../ports/streams.ts';

/** How often a free port is looked for. */
const attemptsMax = 16;

/** Both sockets, bound. */
export interface GossipSockets {
  readonly socket: PacketSocket;
  readonly listener: Listener;
}

/** What {@link bindSockets} needs. */
export interface BindOptions {
  readonly packets: Packets;
  readonly streams: Streams;
  /** An IP address; port 0 for any. */
  readonly address: Address;
  readonly connectionsMax: number;
  readonly packetEvents: PacketEvents;
  readonly listenerEvents: ListenerEvents;
}

/** Binds both. Rejects with the codes of {@link Packets.bind} and {@link Streams.listen}. */
export async function bindSockets(options: BindOptions): Promise<GossipSockets> {
  for (let attempt = 1; ; attempt++) {
    const socket = await bindPackets(options);
    const listener = await listen(options, socket.address.port);
    if (!(listener instanceof Error)) return { socket, listener };
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    const another = options.address.port === 0 && listener.code === 'address-in-use';
    if (!another || attempt === attemptsMax) throw listener;
  }
}

function bindPackets({ packets, address, packetEvents }: BindOptions): Promise<PacketSocket> {
  return new Promise((resolve, reject) => {
    packets.bind(address, packetEvents, (answer) => {
      if (answer instanceof Error) reject(answer);
      else resolve(answer);
    });
  });
}

function listen(options: BindOptions, port: number): Promise<Listener | QuorateError> {
  const { streams, connectionsMax, listenerEvents } = options;
  const address = { host: options.address.host, port };
  return new Promise((resolve) => {
    streams.listen({ address, connectionsMax }, listenerEvents, resolve);
  });
}
