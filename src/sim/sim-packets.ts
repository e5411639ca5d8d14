/** The packets port of one simulated process. */
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
import type { HostSockets } from './host-sockets.ts';
import { type Host, isIp, isLoopback, type LinkFaults, type SimNetwork } from './network.ts';
import type { SimProcess } from './sim-process.ts';

/** How many packets wait for a process that is paused; the system drops more. */
const waitingMax = 256;

/** A node whose processes take packets. */
export interface PacketHost extends Host {
  readonly packetSockets: HostSockets<SimPacketSocket>;
}

/** See {@link Packets}. */
export class SimPackets implements Packets {
  readonly #network: SimNetwork;
  readonly #host: PacketHost;
  readonly #process: SimProcess;

  constructor(network: SimNetwork, host: PacketHost, process: SimProcess) {
    this.#network = network;
    this.#host = host;
    this.#process = process;
  }

  bind(address: Address, events: PacketEvents, answer: Answer<PacketSocket>): void {
    assert(isIp(address.host), `packets are bound to an IP address, not ${address.host}`);
    if (!this.#process.calls()) return;
    this.#process.plan(0, 'packets: bind', () => {
      const socket = new SimPacketSocket(this.#network, this.#host, this.#process, events);
      const bound = this.#host.packetSockets.bind(address, socket);
      if (bound instanceof QuorateError) {
        answer(bound);
        return;
      }
      socket.address = bound;
      answer(socket);
    });
  }
}

/** See {@link PacketSocket}. */
export class SimPacketSocket implements PacketSocket {
  address: Address = { host: '', port: 0 };
  readonly #network: SimNetwork;
  readonly #host: PacketHost;
  readonly #process: SimProcess;
  readonly #events: PacketEvents;
  #waiting = 0;
  #closed = false;

  constructor(network: SimNetwork, host: PacketHost, process: SimProcess, events: PacketEvents) {
    this.#network = network;
    this.#host = host;
    this.#process = process;
    this.#events = events;
  }

  send(bytes: Uint8Array, to: Address, done?: Done): void {
    assert(isIp(to.host), () => `packets are sent to an IP address, not ${to.host}`);
    if (!this.#process.calls()) return;
    const large = bytes.length > packetBytesMax;
    if (done !== undefined) {
      this.#process.plan(0, 'packets: sent', () => done(large ? tooLarge(bytes.length) : null));
    }
    if (large || this.#closed) return;
    const home = isLoopback(to.host);
    const from = { host: home ? '127.0.0.1' : this.#host.ip, port: this.address.port };
    const target = this.#network.hostAt(this.#host, to.host) as PacketHost | undefined;
    if (target !== undefined && (target === this.#host || !isLoopback(this.address.host))) {
      this.#transmit(bytes, from, to, target);
    }
  }

  close(done?: Done): void {
    if (!this.#process.calls()) return;
    if (!this.#closed) this.#host.packetSockets.free(this.address.port);
    this.#closed = true;
    if (done !== undefined) this.#process.plan(0, 'packets: closed', () => done(null));
  }

  /** Takes a packet from the network. */
  arrive(bytes: Uint8Array, from: Address): void {
    if (this.#process.paused && this.#waiting >= waitingMax) return;
    this.#waiting++;
    this.#process.receive('packets: received', () => {
      this.#waiting--;
      if (!this.#closed) this.#events.received(bytes, from);
    });
  }

  #transmit(bytes: Uint8Array, from: Address, to: Address, target: PacketHost): void {
    const network = this.#network;
    const faults = network.faultsBetween(this.#host, target);
    const copies = network.happens(faults.duplicateChance) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (network.isCut(this.#host, target) || network.happens(faults.lossChance)) {
        network.scheduler.note(bytes.length, () => `lost ${this.#describe(bytes, to)}`);
        continue;
      }
      // Copied as it leaves: the sender has its bytes back when the system has taken them.
      const content = network.deliver(bytes, faults);
      this.#carry(content, from, to, target, faults);
    }
  }

  #carry(
    bytes: Uint8Array,
    from: Address,
    to: Address,
    target: PacketHost,
    faults: LinkFaults,
  ): void {
    const network = this.#network;
    const arrive = (): void => {
      if (network.waitForClog(this.#host, target, arrive)) return;
      const socket =
        target.process === null ? undefined : target.packetSockets.at(to.host, to.port);
      network.scheduler.note(bytes.length, () => `packet ${this.#describe(bytes, to)}`);
      socket?.arrive(bytes, from);
    };
    network.scheduler.plan(network.delayMs(faults), null, 'packet', arrive);
  }

  #describe(bytes: Uint8Array, to: Address): string {
    return `${this.#host.name} → ${to.host}:${to.port}, ${bytes.length} bytes`;
  }
}

function tooLarge(bytes: number): QuorateError {
  return new QuorateError('packet-too-large', `a packet of ${bytes} bytes`, {
    details: { bytes, bytesMax: packetBytesMax },
  });
}
