import { describe, expect, it } from 'vitest';
import { playTimeline } from './timeline.ts';

function play(seed: number): string[] {
  const lines: string[] = [];
  playTimeline((line) => lines.push(line), seed);
  return lines;
}

describe('playTimeline', () => {
  it('plays the same for the same seed', () => {
    expect(play(5)).toEqual(play(5));
  });

  it.each([1, 2, 3, 4, 5])('shows with seed %i two leaders and what they agree on', (seed) => {
    const lines = play(seed);
    const leaders = lines.flatMap((line) => /member (\d) +is leader in term (\d)/.exec(line) ?? []);
    const [, first, firstTerm, , second, secondTerm] = leaders;
    expect(second).not.toBe(first);
    expect(Number(secondTerm)).toBeGreaterThan(Number(firstTerm));
    const applied = (command: string) =>
      lines.filter((line) => line.includes('applies') && line.includes(`"${command}"`)).length;
    expect([applied('x = 1'), applied('y = 2'), applied('x = 3')]).toEqual([3, 3, 2]);
  });
});
