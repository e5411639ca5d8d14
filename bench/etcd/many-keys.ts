/**
 * A client with many keys, in a process of its own: `connections` × `streams` callers, each with the
 * next request as soon as it has an answer. It looks at every status, and measures its own latencies.
 * It says when it has warmed up, and then what it found.
 */
import type { LoadAsked, LoadFound } from './load.ts';
import { keyOf, manyKeys, paths, putOf, rangeOf, txnOf } from './requests.ts';
import { Connection, percentile } from './unary.ts';

export async function manyKeysLoad(asked: LoadAsked, begun: () => void): Promise<LoadFound> {
  const path = paths[asked.kind === 'serializable' ? 'range' : asked.kind];
  const bodyOf: Record<LoadAsked['kind'], (key: string) => Buffer> = {
    put: putOf,
    txn: txnOf,
    range: (key) => rangeOf(key),
    serializable: (key) => rangeOf(key, true),
  };
  const bodies = Array.from({ length: manyKeys }, (_, at) => bodyOf[asked.kind](keyOf('k', at)));

  const tookMs: number[] = [];
  let failed = 0;
  let counting = false;
  let over = false;
  // A step that shares no factor with the count of keys meets them all, far from each other.
  let turn = 0;

  function caller(connection: Connection): Promise<void> {
    return new Promise((resolve) => {
      const next = (): void => {
        if (over) return resolve();
        turn = (turn + 7919) % manyKeys;
        const begunMs = performance.now();
        const stream = connection.open(path, {
          ended: (status) => {
            if (status !== 0) failed++;
            else if (counting) tookMs.push(performance.now() - begunMs);
            if (failed > 1000) over = true;
            next();
          },
        });
        stream.end(bodies[turn]);
      };
      next();
    });
  }

  const connections = Array.from({ length: asked.connections }, () => new Connection(asked.port));
  const callers = connections.flatMap((connection) =>
    Array.from({ length: asked.streams }, () => caller(connection)),
  );
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  await pause(asked.warmUpMs);
  counting = true;
  begun();
  const begunMs = performance.now();
  await pause(asked.seconds * 1000);
  counting = false;
  const seconds = (performance.now() - begunMs) / 1000;
  const sorted = Float64Array.from(tookMs).sort();
  const found: LoadFound = {
    count: sorted.length,
    seconds,
    medianMs: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    failed,
  };
  over = true;
  await Promise.all(callers);
  for (const connection of connections) connection.close();
  return found;
}
