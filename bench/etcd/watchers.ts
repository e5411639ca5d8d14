/**
 * Watchers of one key, in a process of their own: a put, and when all of them have its event, the
 * next. The delay runs from the put being sent to each event's arrival. It says when it has warmed up,
 * and then what it found.
 */
import type { LoadFound, WatchAsked } from './load.ts';
import { keyOf, paths, putOf, watchOf } from './requests.ts';
import { Connection, percentile } from './unary.ts';

export async function watchersLoad(asked: WatchAsked, begun: () => void): Promise<LoadFound> {
  const key = keyOf('w', 0);
  const create = watchOf(key);
  const put = putOf(key);
  const perStream = asked.watchers / (asked.connections * asked.streams);

  let arrived = 0;
  let allArrived = (): void => {};
  let sentMs = 0;
  let counting = false;
  let over = false;
  let failed = 0;
  const delaysMs: number[] = [];

  const connections = Array.from({ length: asked.connections }, () => new Connection(asked.port));
  for (const connection of connections) {
    for (let at = 0; at < asked.streams; at++) {
      const stream = connection.open(paths.watch, {
        message: () => {
          if (counting) delaysMs.push(performance.now() - sentMs);
          arrived++;
          if (arrived === asked.watchers) allArrived();
        },
        ended: () => {
          if (!over) throw new Error('a stream of watches ended');
        },
      });
      for (let watch = 0; watch < perStream; watch++) stream.write(create);
    }
  }

  /** What is sent makes every watcher hear of something once. */
  function everybody(send: () => void): Promise<void> {
    arrived = 0;
    return new Promise((resolve) => {
      allArrived = resolve;
      send();
    });
  }

  // First each hears that its watch was created.
  if (arrived < asked.watchers) {
    await new Promise<void>((resolve) => {
      allArrived = resolve;
    });
  }
  const writer = new Connection(asked.port);
  const untilMs = { begin: performance.now() + asked.warmUpMs, end: Number.POSITIVE_INFINITY };
  let begunMs = 0;
  while (performance.now() < untilMs.end) {
    if (!counting && performance.now() >= untilMs.begin) {
      counting = true;
      begun();
      begunMs = performance.now();
      untilMs.end = begunMs + asked.seconds * 1000;
    }
    await everybody(() => {
      sentMs = performance.now();
      writer.call(paths.put, put).catch(() => failed++);
    });
  }
  const sorted = Float64Array.from(delaysMs).sort();
  const found: LoadFound = {
    count: sorted.length,
    seconds: (performance.now() - begunMs) / 1000,
    medianMs: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    failed,
  };
  over = true;
  for (const connection of [...connections, writer]) connection.close();
  return found;
}
