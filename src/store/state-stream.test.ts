import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Done } from '../ports/callbacks.ts';
import type { Store } from '../ports/store.ts';
import { World } from '../sim/world.ts';
import { LayeredStore } from './layered-store.ts';
import { StateRestore, streamState } from './state-stream.ts';

const world = new World({ seed: 1 });
const { ports } = world.node('a');

function open(path: string): LayeredStore {
  let store: Store | undefined;
  ports.stores.open(path, (answer) => {
    if (answer instanceof Error) throw answer;
    store = answer;
  });
  world.runUntil(() => store !== undefined, { limitMs: 1000 });
  return new LayeredStore(store!);
}

function wait(start: (done: Done) => void): void {
  let ended = false;
  start((error) => {
    if (error !== null) throw error;
    ended = true;
  });
  world.runUntil(() => ended, { limitMs: 1000 });
}

const mark = { position: { index: 1, term: 1 }, state: new Uint8Array(0) };
const entries = (store: LayeredStore): string[] =>
  [...store.range({})].map(({ key, value }) => `${key.join()} ${value.length} ${value[0]}`);

let path = 0;

test('another store becomes the same, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 3 }), fc.nat({ max: 300_000 })), {
        maxLength: 8,
      }),
      fc.integer({ min: 10_000, max: 300_000 }),
      (pairs, pieceBytes) => {
        const source = open(`s${path++}`);
        for (const [key, length] of pairs) {
          source.put(Uint8Array.of(1, ...key), new Uint8Array(length).fill(key[0]!));
        }
        source.commit();
        const expected = entries(source);
        const stream = streamState(source);
        source.put(Uint8Array.of(2), Uint8Array.of(2));
        source.commit();
        const target = open(`s${path++}`);
        target.put(Uint8Array.of(3), Uint8Array.of(3));
        target.commit();
        const restore = new StateRestore(target);
        for (let step = stream.next(); step.done !== true; step = stream.next()) {
          const chunk = step.value;
          expect(chunk.length).toBeLessThanOrEqual(256 * 1024);
          for (let at = 0; at < chunk.length; at += pieceBytes) {
            restore.chunk(chunk.subarray(at, at + pieceBytes));
            wait((done) => restore.drain(done));
          }
        }
        restore.finish();
        wait((done) => target.flush(mark, done));
        expect(entries(target)).toEqual(expected);
      },
    ),
    { numRuns: 15 },
  );
});

test('a stream that is cut, or goes on after its end, is refused', () => {
  const source = open('whole');
  source.put(Uint8Array.of(1), new Uint8Array(1000));
  source.commit();
  const chunk = streamState(source).next().value!;
  for (const length of [0, 1, 500, chunk.length - 1]) {
    const restore = new StateRestore(open(`cut${length}`));
    restore.chunk(chunk.subarray(0, length));
    expect(() => restore.finish()).toThrow('ends early');
  }
  const restore = new StateRestore(open('more'));
  restore.chunk(chunk);
  expect(() => restore.chunk(Uint8Array.of(1))).toThrow('follows its end');
  const impossible = new StateRestore(open('impossible'));
  expect(() => impossible.chunk(new Uint8Array(20).fill(0xff))).toThrow('impossibly long');
});
