import { expect, test } from 'vitest';
import { AsyncQueue } from './queue.ts';

test('hands over items in order, whoever comes first', async () => {
  const queue = new AsyncQueue<number>({ itemsMax: 10 });
  const early = queue.next();
  queue.push(1);
  queue.push(2);
  queue.end();
  expect(queue.push(3)).toBe(false);
  expect(await early).toEqual({ done: false, value: 1 });
  const rest: number[] = [];
  for await (const item of queue) rest.push(item);
  expect(rest).toEqual([2]);
});

test('a reader too far behind gets what is queued, then the error, once', async () => {
  let ends = 0;
  const queue = new AsyncQueue<number>({ itemsMax: 2, onEnd: () => ends++ });
  expect([1, 2, 3].map((item) => queue.push(item))).toEqual([true, true, false]);
  expect((await queue.next()).value).toBe(1);
  expect((await queue.next()).value).toBe(2);
  await expect(queue.next()).rejects.toMatchObject({ code: 'gossip-slow-consumer' });
  expect(await queue.next()).toEqual({ done: true, value: undefined });
  expect(ends).toBe(1);
});

test('a signal ends it, and drops what was queued', async () => {
  const controller = new AbortController();
  const queue = new AsyncQueue<number>({ itemsMax: 2, signal: controller.signal });
  const waiting = queue.next();
  controller.abort();
  expect(await waiting).toEqual({ done: true, value: undefined });
  const late = new AsyncQueue<number>({ itemsMax: 2, signal: controller.signal });
  expect(late.push(1)).toBe(false);
  expect((await late.next()).done).toBe(true);
});

test('leaving the loop ends it', async () => {
  let ends = 0;
  const queue = new AsyncQueue<number>({ itemsMax: 5, onEnd: () => ends++ });
  queue.push(1);
  queue.push(2);
  for await (const _ of queue) break;
  expect(ends).toBe(1);
  expect(queue.push(3)).toBe(false);
});

test('an error reaches a reader that waits', async () => {
  const queue = new AsyncQueue<number>({ itemsMax: 1 });
  const waiting = queue.next();
  queue.fail(new Error('gone'));
  await expect(waiting).rejects.toThrow('gone');
});
