/**
 * Addresses as people write them: `host`, `host:port`, `:port`, `[v6]`, `[v6]:port`, or a bare v6.
 */
import { QuorateError } from '../base/errors.ts';
import type { Address } from '../ports/streams.ts';
import { parseIp } from '../swim/wire/ip.ts';

/** Serf's port for gossip. */
export const gossipPort = 7946;

/** Serf's port for its agent RPC. */
export const rpcPort = 7373;

/** What stands in for parts that are not given. */
export interface AddressDefaults {
  readonly host: string;
  readonly port: number;
}

/** Reads an address. Throws `invalid-config` naming `what` for anything that is none. */
export function parseAddress(text: string, defaults: AddressDefaults, what: string): Address {
  const trimmed = text.trim();
  // More than one colon without brackets can only be a bare IPv6 address.
  const bare = !trimmed.startsWith('[') && trimmed.split(':').length > 2;
  const match = bare
    ? undefined
    : /^(?:\[(?<six>[^\]]*)\]|(?<host>[^:[\]]*))(?::(?<port>\d{1,5}))?$/.exec(trimmed);
  const host = bare ? trimmed : (match?.groups?.six ?? match?.groups?.host);
  const port = match?.groups?.port;
  const fine =
    host !== undefined &&
    !/\s/.test(host) &&
    (port === undefined || Number(port) <= 65_535) &&
    ((!bare && match?.groups?.six === undefined) || parseIp(host) !== undefined);
  if (!fine) {
    throw new QuorateError('invalid-config', `${what}: "${text}" is no address`, {
      details: { what, text },
    });
  }
  return {
    host: host === '' ? defaults.host : host,
    port: port === undefined ? defaults.port : Number(port),
  };
}

/** `host:port`, with brackets around IPv6. */
export function formatAddress(address: Address): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  const bytes = parseIp(host);
  if (bytes === undefined) return host === 'localhost';
  if (bytes.length === 4) return bytes[0] === 127;
  return bytes.subarray(0, 15).every((byte) => byte === 0) && bytes[15] === 1;
}

/** Whether the address stands for all of this machine's addresses. */
export function isWildcard(host: string): boolean {
  return parseIp(host)?.every((byte) => byte === 0) ?? false;
}
