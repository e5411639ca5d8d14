/** The URLs of etcd's settings: a scheme, a host, a port, and nothing else. */
import type { Address } from '../../ports/streams.ts';
import { invalid } from './given-flags.ts';

/** Where a URL leads. */
export interface Endpoint {
  readonly url: string;
  readonly address: Address;
  readonly secure: boolean;
}

/** Reads URLs. Throws `invalid-config`. */
export function parseUrls(texts: readonly string[], what: string): Endpoint[] {
  return texts.map((text) => {
    let url: URL;
    try {
      url = new URL(text);
    } catch {
      throw invalid(`${what}: "${text}" is no URL`);
    }
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw invalid(`${what}: URL scheme must be http or https: ${text}`);
    }
    if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '') {
      throw invalid(`${what}: URL must not contain a path: ${text}`);
    }
    const port = /:(\d+)\/?$/.exec(text)?.[1];
    if (port === undefined)
      throw invalid(`${what}: URL address does not have the form "host:port": ${text}`);
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    return { url: text, address: { host, port: Number(port) }, secure: url.protocol === 'https:' };
  });
}

/** Whether two URLs say the same. */
export function sameEndpoint(a: string, b: string): boolean {
  const [first, second] = [parseUrls([a], 'url')[0]!, parseUrls([b], 'url')[0]!];
  const { host, port } = first.address;
  return (
    first.secure === second.secure && host === second.address.host && port === second.address.port
  );
}

/** `host:port`, as members write addresses. */
export function addressText({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Whether only this machine reaches a host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
