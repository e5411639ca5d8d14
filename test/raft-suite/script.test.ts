import { describe, expect, it } from 'vitest';
import { parseCommand, parseScript, ScriptError } from './script.ts';

function one(text: string) {
  const directives = parseScript(text);
  expect(directives).toHaveLength(1);
  return directives[0]!;
}

describe('a command line', () => {
  it('has words, single values and lists', () => {
    expect(parseCommand('add-nodes 3 voters=(1, 2,3) index=10', 1)).toEqual({
      name: 'add-nodes',
      arguments: [
        { key: '3', values: [] },
        { key: 'voters', values: ['1', '2', '3'] },
        { key: 'index', values: ['10'] },
      ],
    });
  });

  it('may give an empty value, and parentheses within a list', () => {
    expect(parseCommand('c a= b=(f(x, y), z)', 1).arguments).toEqual([
      { key: 'a', values: [''] },
      { key: 'b', values: ['f(x, y)', 'z'] },
    ]);
  });

  it('is refused where a list does not end or a key is missing', () => {
    expect(() => parseCommand('c a=(1,2', 7)).toThrow(ScriptError);
    expect(() => parseCommand('c =1', 7)).toThrow('column 3');
  });
});

describe('a script', () => {
  it('skips blank lines and comments, and counts lines', () => {
    const directive = one('# first\n\n  # second\nstatus 1\n----\nok\n');
    expect(directive).toMatchObject({ name: 'status', line: 4, input: '' });
    expect(directive.expected).toEqual({ lines: ['ok'], from: 6, to: 7 });
  });

  it('continues a line after a backslash', () => {
    const directive = one('add-nodes 1 \\\n   voters=(1) \\\n index=2\n----\nok');
    expect(directive.arguments.map(({ key }) => key)).toEqual(['1', 'voters', 'index']);
  });

  it('takes the lines before the separator as input', () => {
    expect(one('simple\nv1\nv2\n----\nok').input).toBe('v1\nv2');
  });

  it('ends an output at a blank line', () => {
    const directives = parseScript('a\n----\none\ntwo\n\nb\n----\n\nc\n----\nthree');
    expect(directives.map(({ name, expected }) => [name, expected?.lines])).toEqual([
      ['a', ['one', 'two']],
      ['b', []],
      ['c', ['three']],
    ]);
  });

  it('allows blank lines between doubled separators', () => {
    const directives = parseScript('a\n----\n----\none\n\n----\ntwo\n----\n----\n\nb\n----\nok');
    expect(directives[0]!.expected?.lines).toEqual(['one', '', '----', 'two']);
    expect(directives[1]!.name).toBe('b');
  });

  it('may name its parts, which are no commands', () => {
    expect(one('subtest first\n\na\n----\nok\n\nsubtest end\n').name).toBe('a');
  });

  it('shows a directive without an output as such', () => {
    expect(one('status 1').expected).toBeUndefined();
  });
});
