/**
 * Packets: datagrams (UDP). Each arrives once, several times, late, out of order, or not at all,
 * and may have had bits flipped (reliability.md, faults of the network). Gossip stands on it.
 */
import type { QuorateError } from '../base/errors.ts';
import type { Answer, Done } from './callbacks.ts';
import type { Address } from './streams.ts';

/** The largest packet: what fits into one UDP datagram over IPv4. */
export const packetBytesMax = 65_507;

/** What a packet socket tells its owner. */
export interface PacketEvents {
  /** A packet, perhaps empty. The bytes are the receiver's own from now on. */
  received(bytes: Uint8Array, from: Address): void;
  /** The socket has failed and closed itself: `socket-failed`. */
  failed?(error: QuorateError): void;
}

/** A bound datagram socket. */
export interface PacketSocket {
  /** Where it is bound, with the port that it was given. */
  readonly address: Address;
  /**
   * Sends one packet to an IP address (never a name). The bytes must not change until `done`.
   * `done` says that the system took the packet, which is no promise that it arrives, or
   * `packet-too-large` (also where the system's limit is lower than {@link packetBytesMax}) or
   * `host-unreachable`. Without `done` errors are dropped as the network would drop the packet.
   * After `close` packets are dropped.
   */
  send(bytes: Uint8Array, to: Address, done?: Done): void;
  /** Nothing is received any more; `done` when the port is free. */
  close(done?: Done): void;
}

/** The maker of packet sockets. */
export interface Packets {
  /**
   * Binds to an IP address and port (0: any free one).
   * `address-in-use`, `address-unavailable`, `permission-denied`.
   */
  bind(address: Address, events: PacketEvents, answer: Answer<PacketSocket>): void;
}
