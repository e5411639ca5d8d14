import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RegularExpression } from './regular-expression.ts';

const matches = (expression: string, text: string) =>
  new RegularExpression(expression).matches(text);

describe('regular expressions', () => {
  it.each([
    ['', 'anything', true],
    ['b', 'abc', true],
    ['^b', 'abc', false],
    ['^(web|db)-\\d+$', 'db-17', true],
    ['^(?:web|db)-\\d+$', 'db-', false],
    ['^[^a-c\\]]{2,3}$', 'xyz', true],
    ['^[^a-c]{2,3}$', 'xyzw', false],
    ['(?i)^WEB$', 'web', true],
    ['a.c', 'a\nc', false],
    ['\\bfoo\\b', 'a foo.', true],
    ['\\bfoo\\b', 'afoo', false],
    ['[[:digit:]]+\\.[0-9]', '1.5', true],
    ['^(?P<zone>eu|us)-?', 'us-1', true],
    ['^a{2}$', 'aa', true],
    ['^a{,2}$', 'a{,2}', true],
    ['^(a*)*$', 'aaaa', true],
    ['^\\x41\\x{1F600}$', 'A😀', true],
    ['x*?y', 'xxy', true],
  ])('%s on %j: %s', (expression, text, expected) => {
    expect(matches(expression, text)).toBe(expected);
  });

  it.each([
    '(',
    ')',
    '[a',
    'a**(',
    '*a',
    'a{2,1}',
    '\\p{Greek}',
    '(?=a)',
    '((a{1000}){1000}){1000}',
    '\\',
  ])('refuses %s', (expression) => {
    expect(() => new RegularExpression(expression)).toThrow('bad-expression');
  });

  // JavaScript's engine needs 2^n steps here.
  it('stays linear where backtracking explodes', () => {
    expect(matches('^(a+)+$', `${'a'.repeat(5_000)}b`)).toBe(false);
  });

  it('agrees with the engine of the platform where both know the syntax', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\w', '(a|b)', '(?:ab)', '^', '$');
    const repeat = fc.constantFrom('', '', '*', '+', '?', '{1,2}');
    const expression = fc
      .array(fc.tuple(atom, repeat), { maxLength: 5 })
      .map((parts) => parts.map(([a, r]) => (a === '^' || a === '$' ? a : a + r)).join(''));
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
    fc.assert(
      fc.property(expression, text, (source, subject) => {
        expect(matches(source, subject)).toBe(new RegExp(source, 'su').test(subject));
      }),
      { numRuns: 1_000 },
    );
  });
});
