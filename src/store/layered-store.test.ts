import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AssertionError } from '../base/assert.ts';
import type { Store } from '../ports/store.ts';
import { World } from '../sim/world.ts';
import { LayeredStore } from './layered-store.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array | undefined): string | undefined =>
  content && new TextDecoder().decode(content);

/** A store of a simulated node, and the layer of the process that runs there. */
class Place {
  readonly world: World;
  readonly node;
  layer!: LayeredStore;

  constructor(seed: number) {
    this.world = new World({ seed });
    this.node = this.world.node('a');
    this.open();
  }

  open(): void {
    let store: Store | undefined;
    this.node.ports.stores.open('s', (answer) => {
      if (answer instanceof Error) throw answer;
      store = answer;
    });
    this.world.runUntil(() => store !== undefined, { limitMs: 1000 });
    this.layer = new LayeredStore(store!, { muchBytes: 2000, fullBytes: 8000 });
  }

  wait(start: (done: (error: Error | null) => void) => void): void {
    let ended = false;
    start((error) => {
      if (error !== null) throw error;
      ended = true;
    });
    this.world.runUntil(() => ended, { limitMs: 1000 });
  }

  flush(index: number): void {
    this.wait((done) => this.layer.flush(markAt(index), done));
  }

  /** A power loss and a new process. */
  crash(): void {
    this.node.crash();
    this.node.restart();
    this.open();
  }

  all(reverse = false): string {
    return [...this.layer.range({ reverse })]
      .map(({ key, value }) => `${text(key)}=${text(value)}`)
      .join(' ');
  }

  put(key: string, value: string): void {
    this.layer.put(bytes(key), bytes(value));
  }

  remove(key: string): void {
    this.layer.remove(bytes(key));
  }
}

const markAt = (index: number) => ({ position: { index, term: 1 }, state: bytes(`at ${index}`) });

test('holds what was written, in the layer and in the store', () => {
  const place = new Place(1);
  place.put('a', '1');
  place.put('b', '1');
  place.layer.commit();
  expect(place.all()).toBe('a=1 b=1');
  place.flush(1);
  place.put('b', '2');
  place.put('c', '2');
  place.remove('a');
  expect(place.all()).toBe('b=2 c=2');
  expect(place.all(true)).toBe('c=2 b=2');
  expect(text(place.layer.get(bytes('a')))).toBeUndefined();
  place.layer.rollback();
  expect(place.all()).toBe('a=1 b=1');
  place.crash();
  expect(place.all()).toBe('a=1 b=1');
  expect(place.layer.mark()).toEqual(markAt(1));
});

test('changes made while a batch is written are not part of it', () => {
  const place = new Place(2);
  place.put('a', '1');
  place.layer.commit();
  let done = false;
  place.layer.flush(markAt(1), () => {
    done = true;
  });
  place.put('a', '2');
  place.put('b', '2');
  place.layer.commit();
  const snapshot = place.layer.snapshot();
  place.world.runUntil(() => done, { limitMs: 1000 });
  place.put('b', '3');
  place.layer.commit();
  expect(place.all()).toBe('a=2 b=3');
  expect([...snapshot.range({})].map(({ value }) => text(value))).toEqual(['2', '2']);
  expect(text(snapshot.get(bytes('b')))).toBe('2');
  snapshot.close();
  place.crash();
  expect(place.all()).toBe('a=1');
});

describe('guards', () => {
  test('a walk over a state that changes is a bug', () => {
    const place = new Place(3);
    place.put('a', '1');
    const walk = place.layer.range({});
    place.put('b', '1');
    expect(() => walk.next()).toThrow(AssertionError);
  });

  test('a command is flushed whole or not at all', () => {
    const place = new Place(4);
    place.put('a', '1');
    expect(() => place.layer.flush(markAt(1), () => {})).toThrow(AssertionError);
    expect(() => place.layer.snapshot()).toThrow(AssertionError);
  });

  test('keys of the layer itself and keys without bounds are refused', () => {
    const { layer } = new Place(5);
    for (const key of [new Uint8Array(0), Uint8Array.of(0), new Uint8Array(1901).fill(1)]) {
      expect(() => layer.put(key, key)).toThrow(AssertionError);
    }
  });
});

test('tells when it should be flushed, and a full disk loses nothing', () => {
  const place = new Place(6);
  const { layer } = place;
  expect(layer.pressure()).toBe('little');
  for (let at = 0; at < 10; at++) place.put(`k${at}`, 'x');
  layer.commit();
  expect(layer.pressure()).toBe('much');
  place.node.volume.failNext({ operation: 'write', code: 'disk-full' });
  expect(() => place.flush(1)).toThrow('simulated');
  for (let at = 0; at < 40; at++) place.put(`l${at}`, 'x');
  place.put('k1', 'y');
  layer.commit();
  expect(layer.pressure()).toBe('full');
  expect(layer.mark()).toBeUndefined();
  const before = place.all();
  place.flush(2);
  expect(layer.pressure()).toBe('little');
  expect(layer.layerBytes).toBe(0);
  expect(place.all()).toBe(before);
  place.crash();
  expect(place.all()).toBe(before);
});

test('a failed disk is told of for good', () => {
  const place = new Place(7);
  place.put('a', '1');
  place.layer.commit();
  place.node.volume.failNext({ operation: 'sync', code: 'disk-sync-failed' });
  expect(() => place.flush(1)).toThrow('simulated');
  expect(() => place.flush(2)).toThrow('simulated');
});

test('a restore puts another state in place, and half of one counts for nothing', () => {
  const place = new Place(8);
  for (let at = 0; at < 30; at++) place.put(`old${at}`, 'x');
  place.layer.commit();
  place.flush(1);
  for (const finish of [false, true]) {
    place.put('old', 'z');
    place.layer.commit();
    place.layer.flush(markAt(2), () => {});
    place.layer.beginRestore();
    expect(place.all()).toBe('');
    for (let at = 0; at < 100; at++) {
      place.put(`new${at}`, 'x'.repeat(50));
      place.wait((done) => place.layer.drain(done));
      expect(place.layer.layerBytes).toBeLessThan(5000);
    }
    expect(place.layer.mark()).toBeUndefined();
    if (finish) place.flush(9);
    place.crash();
    expect(place.layer.mark()).toEqual(finish ? markAt(9) : undefined);
    if (!finish) expect(place.all()).toBe('');
  }
  expect(place.all().split(' ').length).toBe(100);
  expect(place.all()).not.toContain('old');
});

const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ put: fc.nat({ max: 40 }) }) },
  { weight: 5, arbitrary: fc.record({ remove: fc.nat({ max: 40 }) }) },
  { weight: 5, arbitrary: fc.constant('commit' as const) },
  { weight: 2, arbitrary: fc.constant('rollback' as const) },
  { weight: 2, arbitrary: fc.constant('flush' as const) },
  { weight: 2, arbitrary: fc.constant('snapshot' as const) },
  { weight: 1, arbitrary: fc.constant('crash' as const) },
  { weight: 3, arbitrary: fc.record({ run: fc.integer({ min: 1, max: 30 }) }) },
);

test('behaves as a map does, and wakes up from a crash as it was at its mark', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: 'max' }), fc.nat(), (steps, seed) => {
      const place = new Place(seed);
      let committed = new Map<string, string>();
      let present = new Map<string, string>();
      const history = new Map<number, Map<string, string>>([[0, new Map()]]);
      const snapshots: [ReturnType<LayeredStore['snapshot']>, string][] = [];
      let flushing = false;
      let index = 0;
      const show = (model: Map<string, string>): string =>
        [...model]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, value]) => `${key}=${value}`)
          .join(' ');
      const settle = (commits: boolean): void => {
        if (commits) {
          place.layer.commit();
          committed = new Map(present);
          history.set(++index, committed);
        } else {
          place.layer.rollback();
          present = new Map(committed);
        }
      };
      for (const [at, does] of steps.entries()) {
        if (does === 'commit' || does === 'rollback') settle(does === 'commit');
        else if (does === 'flush' && !flushing) {
          settle(true);
          flushing = true;
          place.layer.flush(markAt(index), (error) => {
            expect(error).toBeNull();
            flushing = false;
          });
        } else if (does === 'snapshot') {
          settle(true);
          snapshots.push([place.layer.snapshot(), show(committed)]);
        } else if (does === 'crash') {
          place.crash();
          flushing = false;
          snapshots.length = 0;
          index = place.layer.mark()?.position.index ?? 0;
          committed = history.get(index)!;
          present = new Map(committed);
        } else if (typeof does === 'object') {
          if ('put' in does) {
            place.put(`k${does.put}`, `${at}`);
            present.set(`k${does.put}`, `${at}`);
          } else if ('remove' in does) {
            place.remove(`k${does.remove}`);
            present.delete(`k${does.remove}`);
          } else place.world.runFor(does.run / 20);
        }
        expect(place.all()).toBe(show(present));
      }
      for (const [snapshot, expected] of snapshots) {
        const found = [...snapshot.range({})].map(
          ({ key, value }) => `${text(key)}=${text(value)}`,
        );
        expect(found.join(' ')).toBe(expected);
      }
    }),
    { numRuns: 100 },
  );
});
