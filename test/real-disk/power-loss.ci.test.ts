/**
 * Power lost at all members at once on a real ext4: what was acknowledged is there when they are
 * back, and they come back by themselves.
 */
import { expect, it } from 'vitest';
import { noLoopDisk } from './loop-disk.ts';
import { losePowerAgainAndAgain } from './power-losses.ts';

const tries = Number(process.env.TRIES ?? 100);

it(
  'a hundred losses of power cost nothing acknowledged',
  async (context) => {
    const reason = noLoopDisk();
    context.skip(reason !== undefined, reason);
    const acknowledged = await losePowerAgainAndAgain(tries);
    expect(acknowledged).toBeGreaterThan(tries * 40);
  },
  tries * 10_000,
);
