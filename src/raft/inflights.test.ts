import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Inflights } from './inflights.ts';

describe('the window of appends on their way', () => {
  test('it is full at so many messages', () => {
    const window = new Inflights(2, 1000);
    window.add(1, 10);
    expect(window.full).toBe(false);
    window.add(2, 10);
    expect(window.full).toBe(true);
    expect(() => window.add(3, 10)).toThrow(/full window/);
  });

  test('it is full at so many bytes, and one message may go beyond', () => {
    const window = new Inflights(100, 10);
    window.add(1, 9);
    expect(window.full).toBe(false);
    window.add(2, 50);
    expect(window).toMatchObject({ full: true, bytes: 59, messages: 2 });
    window.release(1);
    expect(window.full).toBe(true);
    window.release(2);
    expect(window).toMatchObject({ full: false, bytes: 0, messages: 0 });
  });

  test('an acknowledgement frees all before it, a late one nothing', () => {
    const window = new Inflights(10, 1000);
    for (let index = 1; index <= 5; index++) window.add(index * 10, index);
    window.release(35);
    expect(window).toMatchObject({ messages: 2, bytes: 9 });
    window.release(20);
    expect(window).toMatchObject({ messages: 2, bytes: 9 });
  });

  test('empty appends count as messages', () => {
    const window = new Inflights(1, 10);
    window.add(1, 0);
    expect(window.full).toBe(true);
  });

  test('after a reset it is empty', () => {
    const window = new Inflights(2, 10);
    window.add(1, 10);
    window.reset();
    expect(window).toMatchObject({ messages: 0, bytes: 0, full: false });
  });

  test('it does as a plain list does, whatever happens', () => {
    const command = fc.oneof(
      fc.record({ add: fc.nat(20), bytes: fc.nat(30) }),
      fc.record({ release: fc.nat(300) }),
      fc.constant({ reset: true }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(command), (messagesMax, commands) => {
        const window = new Inflights(messagesMax, 200);
        let model: { index: number; bytes: number }[] = [];
        let index = 0;
        const bytes = () => model.reduce((sum, each) => sum + each.bytes, 0);
        for (const each of commands) {
          if ('add' in each && !window.full) {
            index += each.add;
            window.add(index, each.bytes);
            model.push({ index, bytes: each.bytes });
          } else if ('release' in each) {
            window.release(each.release);
            const left = model.findIndex((one) => one.index > each.release);
            model = left === -1 ? [] : model.slice(left);
          } else if ('reset' in each) {
            window.reset();
            model = [];
          }
          expect(window.messages).toBe(model.length);
          expect(window.bytes).toBe(bytes());
          expect(window.full).toBe(model.length === messagesMax || bytes() >= 200);
        }
      }),
    );
  });
});
