/**
 * How a member comes to be: its directory is locked, its listener stands, and only then is it made.
 * What fails on the way gives back what was taken.
 */
import { QuorateError } from '../base/errors.ts';
import type { Event } from '../engine/event.ts';
import { parseAddress } from '../engine/peers/address.ts';
import type { DirectoryLock } from '../ports/disk.ts';
import type { Ports } from '../ports/ports.ts';
import type { Address } from '../ports/streams.ts';
import { LinkDriver } from './link-driver.ts';
import { Member } from './member.ts';
import type { MemberOptions } from './options.ts';
import type { Tuning } from './startup-options.ts';

/**
 * Opens a member on these ports: the door does it with the platform's.
 * @throws QuorateError as `openMember` says
 */
export async function openMemberOn(
  ports: Ports,
  options: MemberOptions,
  tuning: Tuning = {},
): Promise<Member> {
  options.signal?.throwIfAborted();
  const lock = await new Promise<DirectoryLock>((resolve, reject) => {
    ports.disk.makeDirectory('', (error) => {
      if (error !== null) return reject(error);
      ports.disk.lock('', (answer) => {
        if (answer instanceof QuorateError) reject(answer);
        else resolve(answer);
      });
    });
  });
  return openLocked(ports, { options, lock, tuning });
}

async function openLocked(
  ports: Ports,
  init: {
    readonly options: MemberOptions;
    readonly lock: DirectoryLock;
    readonly tuning: Tuning;
  },
): Promise<Member> {
  const { options, lock, tuning } = init;
  const own = options.peers?.find((peer) => peer.name === options.name);
  const { signal, logger = ports.logger, tls, service } = options;
  let member: Member | undefined;
  const deliver = (event: Event): void => member?.deliver(event);
  const { streams, clock } = ports;
  const links = new LinkDriver({ streams, clock, logger, deliver, tls, service });
  try {
    const address = await listen(links, options.listen ?? own?.address ?? '127.0.0.1:0');
    for (const further of options.listenAlso ?? []) await listen(links, further);
    signal?.throwIfAborted();
    const advertise = options.advertise ?? own?.address ?? `${address.host}:${address.port}`;
    member = new Member({ ports, options, lock, links, address, advertise, tuning });
  } catch (error) {
    await new Promise<void>((resolve) => links.close(() => resolve()));
    await new Promise<void>((resolve) => lock.release(() => resolve()));
    throw error;
  }
  // From here on the member itself lets go of all that, however it ends.
  const opened = member;
  const close = (): void => void opened.close();
  signal?.addEventListener('abort', close, { once: true });
  void opened.closed.then(() => signal?.removeEventListener('abort', close));
  await opened.open();
  return opened;
}

function listen(links: LinkDriver, address: string): Promise<Address> {
  return new Promise((resolve, reject) => {
    links.listen(parseAddress(address), (answer) => {
      if (answer instanceof QuorateError) reject(answer);
      else resolve(answer);
    });
  });
}
