import { expect, test } from 'vitest';
import { fresh } from '../../../test/mvcc/actions.ts';
import { bytes, put } from '../../../test/mvcc/requests.ts';
import type { Model } from '../../mvcc/model.ts';
import type { Clock } from '../../ports/clock.ts';
import type { WatchResponse, WatchSink } from '../api.ts';
import { WatchHub } from './watch-hub.ts';

/** A clock whose turns are taken one at a time. */
class TurnClock implements Clock {
  #due: (() => void)[] = [];

  monotonicMs(): number {
    return 0;
  }

  wallMs(): number {
    return 0;
  }

  after(delayMs: number, callback: () => void): () => void {
    // Periodic progress is not what this is about.
    if (delayMs === 0) this.#due.push(callback);
    return () => {};
  }

  endOfTurn(callback: () => void): void {
    this.#due.push(callback);
  }

  /** Does what is due; false if there was nothing. */
  turn(): boolean {
    const due = this.#due.splice(0);
    for (const callback of due) callback();
    return due.length > 0;
  }
}

function hubOf(model: Model, clock: Clock, isWhole = () => true): WatchHub {
  return new WatchHub({
    source: {
      get revision() {
        return model.revision;
      },
      get compactRevision() {
        return model.compactRevision;
      },
      get isWhole() {
        return isWhole();
      },
      history: (request) => model.history(request),
      check: () => {},
    },
    clock,
    random: { fraction: () => 0, uint32: () => 0, below: () => 0 },
    progressIntervalMs: 1000,
  });
}

const watching = (key: string, startRevision = 0) => ({
  key: bytes(key),
  rangeEnd: new Uint8Array(0),
  startRevision,
  progressNotify: false,
  noPut: false,
  noDelete: false,
  prevKv: false,
  watchId: 0n,
  fragment: false,
});

test('a thousand that missed much are told a part of them in each turn', () => {
  const model = fresh({});
  for (let at = 0; at < 40; at++) model.apply(put('a', String(at)));
  const clock = new TurnClock();
  const hub = hubOf(model, clock);
  let inTurn = 0;
  const heard = new Map<bigint, number>();
  const astray: number[] = [];
  const sink: WatchSink = {
    send({ watchId, events, created }) {
      if (created) return true;
      inTurn += events.length;
      for (const { kv } of events) {
        // Each hears of every revision, in order, once.
        if (kv.modRevision !== (heard.get(watchId) ?? 1) + 1) astray.push(kv.modRevision);
        heard.set(watchId, kv.modRevision);
      }
      return true;
    },
    ended: () => {},
  };
  const stream = hub.open(sink, {});
  for (let at = 0; at < 1000; at++) stream.create(watching('a', 2));
  let most = 0;
  while (clock.turn()) {
    most = Math.max(most, inTurn);
    inTurn = 0;
  }
  expect(astray).toEqual([]);
  expect([...heard.values()]).toEqual(Array.from({ length: 1000 }, () => model.revision));
  // A revision goes to all who share a walk, so it may go beyond the limit by as many.
  expect(most).toBeLessThanOrEqual(1512);
  expect(hub.behindCount).toBe(0);
});

test('nothing is kept for a client that does not read, and it hears everything once it does', () => {
  const model = fresh({});
  const clock = new TurnClock();
  const hub = hubOf(model, clock);
  const responses: WatchResponse[] = [];
  let open = true;
  const stream = hub.open(
    {
      send(response) {
        responses.push(response);
        return open;
      },
      ended: () => {},
    },
    {},
  );
  for (let at = 0; at < 100; at++) stream.create(watching(`k${at % 10}`));
  responses.length = 0;
  open = false;
  for (let at = 0; at < 1000; at++) {
    const { events } = model.apply(put(`k${at % 10}`, String(at)));
    hub.applied(model.revision, events);
  }
  while (clock.turn());
  // The one that told the stream to wait.
  expect(responses).toHaveLength(1);
  open = true;
  stream.resume();
  while (clock.turn());
  const heard = new Map<bigint, number[]>();
  for (const { watchId, events } of responses) {
    for (const { kv } of events) {
      heard.set(watchId, [...(heard.get(watchId) ?? []), kv.modRevision]);
    }
  }
  for (let at = 0; at < 100; at++) {
    const revisions = Array.from({ length: 100 }, (_, round) => 2 + round * 10 + (at % 10));
    expect(heard.get(BigInt(at))).toEqual(revisions);
  }
});

test('no history is told while another state is put in the place of this one', () => {
  const model = fresh({});
  model.apply(put('a', 'x'));
  const clock = new TurnClock();
  let whole = false;
  const hub = hubOf(model, clock, () => whole);
  const heard: number[] = [];
  const stream = hub.open(
    {
      send({ events }) {
        heard.push(...events.map(({ kv }) => kv.modRevision));
        return true;
      },
      ended: () => {},
    },
    {},
  );
  stream.create(watching('a', 2));
  while (clock.turn());
  expect(heard).toEqual([]);
  whole = true;
  hub.replaced();
  while (clock.turn());
  expect(heard).toEqual([2]);
});
