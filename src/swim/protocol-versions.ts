/**
 * Which protocols members speak, and whether all of a cluster can understand each other. Memberlist
 * finds out on every push/pull; its responder tells nobody, so that an incompatible member joins
 * with apparent success and is never seen. We say so, on both sides.
 */
import type { ProtocolVersions } from './api.ts';
import { isGone, type MemberRecord } from './member-table.ts';
import type { PushPullNode } from './wire/messages.ts';

/** What we speak, in the order of the wire: memberlist 1 … 5 (2), Serf 2 … 5 (5). */
export const ourVersions: Uint8Array = Uint8Array.of(1, 5, 2, 2, 5, 5);

/** From this protocol on, members answer pings over TCP, send nacks, and check sums. */
export const protocolOf = { tcpPing: 3, nack: 4, checksum: 5 } as const;

export function readVersions(bytes: Uint8Array): ProtocolVersions {
  return {
    protocolMin: bytes[0] ?? 0,
    protocolMax: bytes[1] ?? 0,
    protocolCurrent: bytes[2] ?? 0,
    delegateMin: bytes[3] ?? 0,
    delegateMax: bytes[4] ?? 0,
    delegateCurrent: bytes[5] ?? 0,
  };
}

/** Whether an announcement's versions make sense at all. */
export function areVersionsSound(bytes: Uint8Array): boolean {
  const { protocolMin, protocolMax } = readVersions(bytes);
  return protocolMin > 0 && protocolMax > 0 && protocolMin <= protocolMax;
}

/**
 * Why the members of both sides could not form one cluster; `undefined` if they can. What all the
 * living can speak must contain what each listed member, dead ones too, does speak.
 */
export function incompatibility(
  ours: Iterable<MemberRecord>,
  theirs: readonly PushPullNode[],
): string | undefined {
  const listed = [...ours].map((record) => ({
    name: record.name,
    alive: !isGone(record) && record.state === 'alive',
    versions: readVersions(record.versions),
  }));
  for (const node of theirs) {
    const versions = readVersions(node.versions);
    // A member without versions is older than versions; memberlist lets it pass.
    if (node.versions.length === 0) continue;
    listed.push({ name: node.name, alive: node.state === 'alive', versions });
  }
  let [protocolLow, protocolHigh, delegateLow, delegateHigh] = [0, 255, 0, 255];
  for (const { alive, versions } of listed) {
    if (!alive) continue;
    protocolLow = Math.max(protocolLow, versions.protocolMin);
    protocolHigh = Math.min(protocolHigh, versions.protocolMax);
    delegateLow = Math.max(delegateLow, versions.delegateMin);
    delegateHigh = Math.min(delegateHigh, versions.delegateMax);
  }
  for (const { name, versions } of listed) {
    const { protocolCurrent, delegateCurrent } = versions;
    if (protocolCurrent < protocolLow || protocolCurrent > protocolHigh) {
      return `member '${name}' speaks protocol ${protocolCurrent}, but all can speak only ${protocolLow} … ${protocolHigh}`;
    }
    if (delegateCurrent < delegateLow || delegateCurrent > delegateHigh) {
      return `member '${name}' speaks Serf protocol ${delegateCurrent}, but all can speak only ${delegateLow} … ${delegateHigh}`;
    }
  }
  return undefined;
}
