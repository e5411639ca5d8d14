import { describe, expect, it } from 'vitest';
import { AssertionError, assert, unreachable } from './assert.ts';

describe('assert', () => {
  it('lets what holds pass', () => {
    expect(() => assert(true, 'the log only grows')).not.toThrow();
  });

  it('throws an error of its own class, saying what had to hold', () => {
    expect(() => assert(false, 'the log only grows')).toThrow(
      new AssertionError('the log only grows'),
    );
  });

  it('names the value that should have been impossible', () => {
    expect(() => unreachable('observer' as never, 'role')).toThrow('unexpected role: "observer"');
  });
});
