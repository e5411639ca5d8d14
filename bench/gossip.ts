/**
 * The figures of gossip, in simulation: `npm run bench -- gossip [--quick] [--seed N]`.
 *
 * 1. How fast an event spreads, beside Serf's model and a direct model of memberlist's algorithm.
 * 2. How fast a crash is seen, and how often members that are well are declared dead while others
 *    are slow: SWIM, each of Lifeguard's extensions alone, all, and with ours.
 */
import { parseArgs } from 'node:util';
import { type Detection, detectionVariants, measureDetection } from './gossip/detection.ts';
import {
  directModel,
  measureSpread,
  percentile,
  type SpreadResult,
  serfModelMs,
} from './gossip/spread.ts';

const { values } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument.startsWith('--')),
  options: {
    quick: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
  strict: false,
});
const quick = values.quick === true;
const seed = Number(values.seed);

function row(cells: readonly (string | number)[], widths: readonly number[]): string {
  return cells.map((cell, index) => String(cell).padStart(widths[index]!)).join('  ');
}

function secondsOf(ms: number): string {
  return Number.isNaN(ms) ? '—' : `${(ms / 1_000).toFixed(2)} s`;
}

function spread(): void {
  const widths = [7, 5, 6, 10, 10, 10, 10, 10, 12, 12];
  console.log('Spread of an event to 99.99 % (LAN: every 200 ms to 3 members)');
  console.log(
    row(
      [
        'members',
        'loss',
        'runs',
        'Serf model',
        'direct',
        'ours p50',
        'ours p99',
        'packets',
        'stragglers',
        '(direct)',
      ],
      widths,
    ),
  );
  const stragglersOf = ({ stragglers, runsWithStragglers }: SpreadResult) =>
    `${stragglers} in ${runsWithStragglers}`;
  for (const members of [30, 100, 1_000, 10_000]) {
    for (const loss of [0, 0.1]) {
      const runs = Math.max(quick ? 3 : 10, Math.round((quick ? 3_000 : 60_000) / members));
      const ours = measureSpread({ members, loss, runs }, seed);
      const direct = directModel({ members, loss, runs }, seed);
      console.log(
        row(
          [
            members,
            `${loss * 100} %`,
            runs,
            secondsOf(serfModelMs({ members, loss })),
            secondsOf(percentile(direct.timesMs, 0.5)),
            secondsOf(percentile(ours.timesMs, 0.5)),
            secondsOf(percentile(ours.timesMs, 0.99)),
            ours.packetsPerMember.toFixed(1),
            stragglersOf(ours),
            stragglersOf(direct),
          ],
          widths,
        ),
      );
    }
  }
  console.log(
    'packets: sent by a member for one event; stragglers: members in runs, left to push/pull\n',
  );
}

function detection(): void {
  const durationMs = quick ? 30_000 : 180_000;
  const widths = [28, 5, 12, 12, 12, 12, 12, 12];
  console.log(
    `Detection among 100 members, ${durationMs / 1_000} s, slow ones unheard for 0.1 … 33 s, then heard for 1 ms … 16 s`,
  );
  console.log(
    row(
      ['', 'slow', 'false', '…by well', 'slow dead', 'first (p50)', 'all (p50)', 'packets/s'],
      widths,
    ),
  );
  for (const slow of [1, 4, 16]) {
    for (const { name, lifeguard } of detectionVariants) {
      const result: Detection = measureDetection({ slow, lifeguard, durationMs, seed });
      console.log(
        row(
          [
            name,
            slow,
            result.falsePositives,
            result.falsePositivesAtWell,
            result.slowDeclaredDead,
            secondsOf(percentile(result.firstMs, 0.5)),
            secondsOf(percentile(result.allMs, 0.5)),
            result.packetsPerMemberSecond.toFixed(1),
          ],
          widths,
        ),
      );
    }
  }
  console.log('false: members that were well, declared dead, counted at each that believed it;');
  console.log('…by well: the same, counted only at members that were well themselves');
}

const startedMs = performance.now();
if (values.only !== 'detection') spread();
if (values.only !== 'spread') detection();
console.log(
  `\n${((performance.now() - startedMs) / 1_000).toFixed(0)} s of computing, seed ${seed}`,
);
