/** Datagrams on Node: UDP sockets behind the packets port. */
import dgram from 'node:dgram';
import net from 'node:net';
import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import type { Answer, Done } from '../ports/callbacks.ts';
import {
  type PacketEvents,
  type PacketSocket,
  type Packets,
  packetBytesMax,
} from '../ports/packets.ts';
import type { Address } from '../ports/streams.ts';
import { plainBytes } from './plain-bytes.ts';
import { socketError } from './system-errors.ts';

/** See {@link Packets}. */
export class NodePackets implements Packets {
  bind(address: Address, events: PacketEvents, answer: Answer<PacketSocket>): void {
    const family = net.isIP(address.host);
    assert(family !== 0, () => `packets are bound to an IP address, not ${address.host}`);
    const socket = dgram.createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      // Addresses are never names here, so there is nothing to look up, and no turn to wait.
      lookup: (host, _options, found) => found(null, host, net.isIP(host)),
    });
    const failed = (error: Error): void => {
      socket.close();
      const doing = `binding ${address.host} port ${address.port}`;
      process.nextTick(answer, socketError(error, { doing, otherwise: 'socket-failed' }));
    };
    socket.once('error', failed);
    socket.bind({ port: address.port, address: address.host }, () => {
      socket.off('error', failed);
      // With nothing to look up, binding is done within the call.
      process.nextTick(answer, new NodePacketSocket(socket, events));
    });
  }
}

class NodePacketSocket implements PacketSocket {
  readonly address: Address;
  readonly #socket: dgram.Socket;
  #closed = false;

  constructor(socket: dgram.Socket, events: PacketEvents) {
    this.#socket = socket;
    const { address, port } = socket.address();
    this.address = { host: address, port };
    socket.on('message', (bytes, from) => {
      if (!this.#closed)
        events.received(plainBytes(bytes), { host: from.address, port: from.port });
    });
    socket.on('error', (error) => {
      if (this.#closed) return;
      this.close();
      events.failed?.(socketError(error, { doing: 'receiving', otherwise: 'socket-failed' }));
    });
  }

  send(bytes: Uint8Array, to: Address, done?: Done): void {
    assert(net.isIP(to.host) !== 0, () => `packets are sent to an IP address, not ${to.host}`);
    if (this.#closed) {
      if (done !== undefined) process.nextTick(done, null);
      return;
    }
    if (bytes.length > packetBytesMax) {
      const error = new QuorateError(
        'packet-too-large',
        `a packet of ${bytes.length} bytes: the most is ${packetBytesMax}`,
        { details: { bytes: bytes.length, bytesMax: packetBytesMax } },
      );
      if (done !== undefined) process.nextTick(done, error);
      return;
    }
    // Always with a callback: without one, dgram would report errors as those of the socket.
    this.#socket.send(bytes, to.port, to.host, (error) => {
      if (done === undefined) return;
      const doing = `sending to ${to.host} port ${to.port}`;
      done(error ? socketError(error, { doing, otherwise: 'host-unreachable' }) : null);
    });
  }

  close(done?: Done): void {
    if (this.#closed) {
      if (done !== undefined) process.nextTick(done, null);
      return;
    }
    this.#closed = true;
    this.#socket.close(() => done?.(null));
  }
}
