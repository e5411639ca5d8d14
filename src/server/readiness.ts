/**
 * When a server says that it serves: once the cluster knows where it is reached, and it knows who
 * leads, so that whoever waited for that can write, and finds it healthy. A member that comes back
 * while a majority is away says so all the same after a while: it can still read what it has.
 */
import type { Kv } from '../kv/api.ts';
import type { Clock } from '../ports/clock.ts';

/** How long a server waits for a leader before it says that it serves without one. */
const leaderlessMsMax = 10_000;

/** Tells the cluster the member's URLs; answers whether there is a leader. */
export async function untilReady(
  kv: Pick<Kv, 'setClientUrls' | 'onLeadership'>,
  clientUrls: readonly string[],
  clock: Pick<Clock, 'after'>,
): Promise<boolean> {
  const known = kv.setClientUrls(clientUrls);
  let stopListening = (): void => {};
  let stopWaiting = (): void => {};
  const led = new Promise<void>((resolve) => {
    stopListening = kv.onLeadership(({ leaderId }) => {
      if (leaderId !== 0n) resolve();
    });
  });
  const late = new Promise<boolean>((resolve) => {
    stopWaiting = clock.after(leaderlessMsMax, () => resolve(false));
  });
  const ready = await Promise.race([Promise.all([known, led]).then(() => true), late]);
  stopListening();
  stopWaiting();
  return ready;
}
