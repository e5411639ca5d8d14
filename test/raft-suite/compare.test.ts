import { describe, expect, it } from 'vitest';
import { comparable, outputLines, unifiedDiff } from './compare.ts';

describe('what is compared', () => {
  it('leaves out log lines, however far they are indented', () => {
    expect(comparable(['INFO 1 became leader', 'a', '  DEBUG x', '  WARN', 'INFORMED'])).toEqual([
      'a',
      'INFORMED',
    ]);
  });

  it('reads ok where nothing is left', () => {
    expect(comparable(['ERROR no'])).toEqual(['ok']);
    expect(comparable(outputLines(''))).toEqual(['ok']);
  });
});

describe('a difference', () => {
  it('is empty between equals', () => {
    expect(unifiedDiff(['a', 'b'], ['a', 'b'])).toEqual([]);
  });

  it('shows what is missing and what is new, with a little of what is around it', () => {
    const expected = ['1', '2', '3', '4', '5', 'x', '7', '8', '9', '10'];
    const actual = ['1', '2', '3', '4', '5', 'y', '7', '8', '9', '10', '11'];
    expect(unifiedDiff(expected, actual)).toEqual([
      '@@ -3 +3 @@',
      ...[' 3', ' 4', ' 5', '-x', '+y', ' 7', ' 8', ' 9', ' 10', '+11'],
    ]);
  });
});
