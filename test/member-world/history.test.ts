/** The checker itself: what it must find, it finds. */
import { describe, expect, it } from 'vitest';
import { History, judge } from './history.ts';

const at = { node: 'a', life: 1, key: 'k' } as const;

describe('the judge of histories', () => {
  it('accepts overlapping operations in an order that explains them', () => {
    const history = new History();
    const first = history.call({ ...at, type: 'write', value: 'x' });
    const second = history.call({ ...at, type: 'write', value: 'y' });
    const read = history.call({ ...at, type: 'read', value: undefined });
    history.done(second, 1, 'y');
    history.done(read, 1, 'y');
    history.done(first, 2, 'x');
    expect(judge(history.operations, () => ['y', 'x'])).toEqual([]);
  });

  it('finds a lost write', () => {
    const history = new History();
    history.done(history.call({ ...at, type: 'write', value: 'x' }), 1, 'x');
    expect(judge(history.operations, () => [])).toHaveLength(1);
    expect(judge(history.operations, () => ['y'])).toHaveLength(1);
  });

  it('finds a stale read, and one of a write that is yet to come', () => {
    const history = new History();
    history.done(history.call({ ...at, type: 'write', value: 'x' }), 1, 'x');
    history.done(history.call({ ...at, type: 'read', value: undefined }), 0, undefined);
    expect(judge(history.operations, () => ['x'])).toEqual([expect.stringContaining('stale')]);
    const early = new History();
    early.done(early.call({ ...at, type: 'read', value: undefined }), 1, 'x');
    early.done(early.call({ ...at, type: 'write', value: 'x' }), 1, 'x');
    expect(judge(early.operations, () => ['x'])).toEqual([expect.stringContaining('stale')]);
  });

  it('finds a write that took effect twice, or although it was refused, or after its end', () => {
    const history = new History();
    const unknown = history.call({ ...at, type: 'write', value: 'x' });
    history.failed(unknown, 'timeout', true);
    expect(judge(history.operations, () => ['x'])).toEqual([]);
    expect(judge(history.operations, () => [])).toEqual([]);
    expect(judge(history.operations, () => ['x', 'x'])).toHaveLength(1);
    const refused = history.call({ ...at, type: 'write', value: 'y' });
    history.failed(refused, 'no-leader', false);
    expect(judge(history.operations, () => ['y'])).toHaveLength(1);
  });
});
