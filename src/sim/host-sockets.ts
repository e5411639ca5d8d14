/**
 * What listens where on a node, for packets and for streams alike: ports that are taken, addresses
 * that are there, and who gets what arrives. It ends with the process.
 */
import { QuorateError } from '../base/errors.ts';
import type { Address } from '../ports/streams.ts';
import { type Host, isAny, isLoopback } from './network.ts';

/** Where free ports begin. */
const freePortMin = 32_768;
const portMax = 65_535;

/** Sockets of one kind on one process. */
export class HostSockets<Socket> {
  readonly #host: Host;
  readonly #bound = new Map<number, { socket: Socket; ip: string }>();
  #nextFree = freePortMin;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Takes a place, and answers the address with its port, or why it cannot be had. */
  bind(address: Address, socket: Socket): Address | QuorateError {
    const { host: ip, port } = address;
    if (!isAny(ip) && !isLoopback(ip) && ip !== this.#host.ip) {
      return failure('address-unavailable', `${this.#host.name} has no address ${ip}`);
    }
    const taken = port === 0 ? this.#freePort() : port;
    if (this.#bound.has(taken)) {
      return failure('address-in-use', `port ${taken} of ${this.#host.name} is taken`);
    }
    this.#bound.set(taken, { socket, ip });
    return { host: ip, port: taken };
  }

  free(port: number): void {
    this.#bound.delete(port);
  }

  /** Who gets what arrives for an address. */
  at(ip: string, port: number): Socket | undefined {
    const found = this.#bound.get(port);
    if (found === undefined) return undefined;
    return isAny(found.ip) || found.ip === ip || bothLoopback(found.ip, ip)
      ? found.socket
      : undefined;
  }

  #freePort(): number {
    while (this.#bound.has(this.#nextFree)) this.#step();
    const port = this.#nextFree;
    this.#step();
    return port;
  }

  #step(): void {
    this.#nextFree = this.#nextFree === portMax ? freePortMin : this.#nextFree + 1;
  }
}

function bothLoopback(a: string, b: string): boolean {
  return isLoopback(a) && isLoopback(b);
}

function failure(code: 'address-unavailable' | 'address-in-use', message: string): QuorateError {
  return new QuorateError(code, message);
}
