/** As power-loss.ci.test.ts, a thousand times. */
import { expect, it } from 'vitest';
import { noLoopDisk } from './loop-disk.ts';
import { losePowerAgainAndAgain } from './power-losses.ts';

const tries = 1000;

it(
  'a thousand losses of power cost nothing acknowledged',
  async (context) => {
    const reason = noLoopDisk();
    context.skip(reason !== undefined, reason);
    expect(await losePowerAgainAndAgain(tries)).toBeGreaterThan(tries * 40);
  },
  tries * 20_000,
);
