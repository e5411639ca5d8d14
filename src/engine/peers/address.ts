/**
 * Where a member is reached, as text: `host:port`, `[IPv6]:port`; and whether a certificate names
 * a host. Names are resolved by whoever dials, anew each time.
 */
import { QuorateError } from '../../base/errors.ts';

export interface HostPort {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** @throws QuorateError `invalid-config` */
export function parseAddress(address: string): HostPort {
  const found = /^(?:\[([0-9A-Fa-f:.%]+[^\]]*)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(address);
  const host = found?.[1] ?? found?.[2];
  const port = Number(found?.[3]);
  if (host === undefined || port > 65_535) {
    const message = `"${address}" is no address: it should be like host:7400 or [::1]:7400`;
    throw new QuorateError('invalid-config', message, { details: { address } });
  }
  return { host, port };
}

/**
 * Whether a certificate that carries `names` (host names, IP addresses) is one of a member called
 * `member.name` at `member.address`. A name `*.example.org` stands for one label in its place.
 */
export function certifies(
  names: readonly string[],
  member: { readonly name: string; readonly address: string },
): boolean {
  const wanted = [canonical(member.name)];
  const host = hostOf(member.address);
  if (host !== undefined) wanted.push(canonical(host));
  return names.some((name) => {
    const given = canonical(name);
    return wanted.some((each) => each === given || matchesWildcard(each, given));
  });
}

function hostOf(address: string): string | undefined {
  try {
    return parseAddress(address).host;
  } catch {
    return undefined;
  }
}

function matchesWildcard(host: string, pattern: string): boolean {
  if (!pattern.startsWith('*.')) return false;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot) === pattern.slice(1);
}

/** Names do not tell large letters from small ones, and IPv6 addresses have many forms. */
function canonical(name: string): string {
  const small = name.toLowerCase().replace(/\.$/, '');
  if (!/^[0-9a-f]*:[0-9a-f:]*$/.test(small)) return small;
  const [head = '', tail] = small.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  const behind = tail === undefined ? [] : groups(tail);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - behind.length);
  return [...before, ...Array.from({ length: zeros }, () => '0'), ...behind]
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}
