import { expect, test } from 'vitest';
import { FiredSignal } from './cancel-signal.ts';

test('listeners are called once, in order, and not those that were taken back', () => {
  const signal = new FiredSignal();
  const heard: string[] = [];
  const first = () => heard.push('first');
  const gone = () => heard.push('gone');
  signal.addEventListener('abort', first);
  signal.addEventListener('abort', gone);
  signal.addEventListener('abort', first);
  signal.removeEventListener('abort', gone);
  expect(signal.aborted).toBe(false);
  signal.fire('why');
  signal.fire('again');
  signal.addEventListener('abort', gone);
  expect([signal.aborted, signal.reason, heard]).toEqual([true, 'why', ['first']]);
});

test('a listener that throws does not keep the others from hearing', () => {
  const signal = new FiredSignal();
  let heard = false;
  signal.addEventListener('abort', () => {
    throw new Error('broken');
  });
  signal.addEventListener('abort', () => {
    heard = true;
  });
  expect(() => signal.fire(undefined)).toThrow('broken');
  expect(heard).toBe(true);
});
