import { expect, test } from 'vitest';
import { durationMs, parseFlags } from './flags.ts';

const kinds = { name: 'text', join: 'list', port: 'number', replay: 'switch' } as const;

test('one dash or two, = or a space, repeats, and words', () => {
  const args = [
    '-name=a',
    '--join',
    'x:1',
    'word',
    '-join=y',
    '--port',
    '80',
    '-replay',
    '--',
    '-z',
  ];
  expect(parseFlags(args, kinds)).toEqual({
    flags: { name: 'a', join: ['x:1', 'y'], port: 80, replay: true },
    words: ['word', '-z'],
  });
  expect(parseFlags(['-replay=false', '-name='], kinds).flags).toEqual({
    name: '',
    join: [],
    port: undefined,
    replay: false,
  });
});

test.each([
  [['-nmae=a'], 'there is no flag -nmae'],
  [['-__proto__=a'], 'there is no'],
  [['-name'], '-name needs a value'],
  [['-name=a', '-name=b'], '-name is given twice'],
  [['-port=x'], '-port needs a number'],
  [['-port='], '-port needs a number'],
  [['-replay=maybe'], '-replay is true or false'],
])('%j is refused', (args, message) => {
  try {
    const { words } = parseFlags(args, kinds);
    // What is no flag at all stays a word.
    expect(words).toEqual(args);
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalid-config' });
    expect((error as Error).message).toContain(message);
  }
});

test('durations as Go writes them', () => {
  expect(['0', '500ms', '30s', '1m30s', '1.5h'].map((text) => durationMs(text, 't'))).toEqual([
    0, 500, 30_000, 90_000, 5_400_000,
  ]);
  for (const text of ['', '30', 's', '-1s', '1d']) {
    expect(() => durationMs(text, '-t')).toThrow('no duration');
  }
});
