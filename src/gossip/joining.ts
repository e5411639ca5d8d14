/**
 * Joining by the addresses that people write, once or until it works.
 */
import { QuorateError } from '../base/errors.ts';
import type { Cancel } from '../ports/callbacks.ts';
import type { Clock } from '../ports/clock.ts';
import type { Address, Streams } from '../ports/streams.ts';
import { gossipPort, parseAddress } from './address.ts';
import type { JoinResult } from './api.ts';

/** Addresses in numbers, and what could not be resolved. */
export interface ResolvedAddresses {
  readonly found: readonly Address[];
  readonly failures: JoinResult['failures'];
}

/**
 * Reads and resolves `host[:port]` texts. Rejects with `invalid-config` for what is no address.
 * A member's `own` address is no way to join: all members may be given one list of all, and the
 * first to start must not take itself for the cluster and give up looking.
 */
export async function resolveAddresses(
  streams: Streams,
  texts: readonly string[],
  own: Address,
): Promise<ResolvedAddresses> {
  const defaults = { host: '127.0.0.1', port: gossipPort };
  const parsed = texts.map((text) => ({ text, address: parseAddress(text, defaults, 'join') }));
  const found: Address[] = [];
  const failures: { address: string; reason: string }[] = [];
  await Promise.all(
    parsed.map(async ({ text, address }) => {
      const hosts = await resolve(streams, address.host);
      if (hosts instanceof QuorateError) failures.push({ address: text, reason: hosts.message });
      else {
        for (const host of hosts) {
          if (host !== own.host || address.port !== own.port) {
            found.push({ host, port: address.port });
          } else failures.push({ address: text, reason: 'that is this member itself' });
        }
      }
    }),
  );
  return { found, failures };
}

function resolve(streams: Streams, host: string): Promise<readonly string[] | QuorateError> {
  return new Promise((settle) => {
    streams.resolve(host, settle);
  });
}

/** The error for when nobody could be joined. */
export function joinFailed(failures: JoinResult['failures']): QuorateError {
  const reasons = failures.map(({ address, reason }) => `${address}: ${reason}`).join('; ');
  return new QuorateError('gossip-join-failed', `nobody could be joined: ${reasons}`, {
    details: { failures },
  });
}

/** How {@link keepJoining} goes about it. */
export interface KeepJoiningOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** 0: never give up. */
  readonly attemptsMax: number;
  /** One attempt; rejects if it failed. */
  readonly attempt: () => Promise<unknown>;
  /** Whether it has become unnecessary. */
  readonly done: () => boolean;
  readonly failed: (error: unknown, attempts: number, last: boolean) => void;
}

/** Tries at once and then at each interval, until it works, is needless, or is given up. */
export function keepJoining(options: KeepJoiningOptions): Cancel {
  let cancelled = false;
  let timer: Cancel | undefined;
  let attempts = 0;
  const attempt = async (): Promise<void> => {
    if (cancelled || options.done()) return;
    attempts++;
    try {
      await options.attempt();
    } catch (error) {
      if (cancelled) return;
      const last = options.attemptsMax > 0 && attempts >= options.attemptsMax;
      options.failed(error, attempts, last);
      if (!last) timer = options.clock.after(options.intervalMs, () => void attempt());
    }
  };
  void attempt();
  return () => {
    cancelled = true;
    timer?.();
  };
}
