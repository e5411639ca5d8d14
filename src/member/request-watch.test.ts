import { describe, expect, it } from 'vitest';
import { QuorateError } from '../base/errors.ts';
import type { Outcome } from '../engine/machine.ts';
import type { LogFacts, Logger } from '../ports/logger.ts';
import { boundsSeconds, RequestFigures, RequestWatch } from './request-watch.ts';

const done: Outcome = { ok: true, value: 1 };

function watched(slowRequestMs: number) {
  let nowMs = 0;
  const lines: LogFacts[] = [];
  const nobody = (): void => {};
  const logger: Logger = {
    debug: nobody,
    info: nobody,
    warn: (facts) => void lines.push(facts),
    error: nobody,
    child: () => logger,
  };
  const options = { slowRequestMs, linesPerSecondMax: 2 };
  const watch = new RequestWatch({ nowMs: () => nowMs, logger, options });
  const ask = (tookMs: number, outcome: Outcome = done): void => {
    const facts = { kind: 'propose', group: 3, beganMs: nowMs } as const;
    nowMs += tookMs;
    watch.ended(facts, outcome);
  };
  return { watch, lines, ask };
}

describe('what became of requests', () => {
  it('is counted by kind, and by the code of what they failed with', () => {
    const { watch, ask } = watched(1000);
    ask(1);
    ask(1);
    ask(1, { ok: false, error: new QuorateError('no-leader', '') });
    ask(1, { ok: false, error: new Error('the machine refused') });
    const { answered, failed } = watch.figures.propose;
    expect(answered).toBe(2);
    expect([...failed]).toEqual([
      ['no-leader', 1],
      ['refused', 1],
    ]);
    expect(watch.figures.read.answered).toBe(0);
  });

  it('falls into the bucket whose bounds it lies between', () => {
    const boundsMs = boundsSeconds.map((seconds) => seconds * 1000);
    const times = [0, 0.1, 0.25, 0.3, 0.6, 7, 100, 8000, 60_000, 1e12];
    for (const ms of times) {
      const figures = new RequestFigures();
      figures.took(ms);
      const bucket = figures.buckets.indexOf(1);
      expect(ms).toBeLessThanOrEqual(boundsMs[bucket] ?? Number.POSITIVE_INFINITY);
      expect(ms).toBeGreaterThanOrEqual(bucket === 0 ? 0 : boundsMs[bucket - 1]!);
    }
  });

  it('is logged where it was slow, so many lines a second, the rest counted', () => {
    const { watch, lines, ask } = watched(100);
    ask(100);
    expect(lines).toEqual([]);
    for (let n = 0; n < 4; n++) ask(101, { ok: false, error: new QuorateError('timeout', '') });
    expect(lines).toEqual(
      Array.from({ length: 2 }, () => ({
        kind: 'propose',
        group: 3,
        tookMs: 101,
        outcome: 'timeout',
      })),
    );
    ask(1500);
    expect(lines[2]).toEqual({
      kind: 'propose',
      group: 3,
      tookMs: 1500,
      outcome: 'answered',
      moreBefore: 2,
    });
    expect(watch.slow).toBe(5);
  });
});
