/**
 * A snapshot as etcd streams it: the database in chunks, then its SHA-256. The state is kept as it
 * was by a snapshot of the store and walked twice, with pauses, so that neither memory nor the event
 * loop feels how large it is.
 */
import type { CancelSignal } from '../../base/cancel-signal.ts';
import { QuorateError } from '../../base/errors.ts';
import type { ModelSnapshot } from '../../mvcc/model-snapshot.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Crypto } from '../../ports/crypto.ts';
import type { SnapshotStream } from '../api.ts';
import { layOut, writeFile } from './bbolt-writer.ts';
import { type DatabaseFacts, etcdBuckets } from './etcd-database.ts';
import { pageBytes } from './page.ts';

const chunkBytes = 32 * 1024;

/** @param snapshot is closed at the end, or when the walk is given up */
export async function streamSnapshot(
  snapshot: ModelSnapshot,
  facts: DatabaseFacts,
  {
    clock,
    crypto,
    signal,
  }: {
    readonly clock: Clock;
    readonly crypto: Crypto;
    readonly signal: CancelSignal | undefined;
  },
): Promise<SnapshotStream> {
  const pause = (): Promise<void> => new Promise((resolve) => void clock.after(0, resolve));
  const planning = layOut(etcdBuckets(snapshot, facts));
  for (;;) {
    const step = planning.next();
    if (step.done === true) {
      const layout = step.value;
      const chunks = inChunks(writeFile(layout), { crypto, pause, end: () => snapshot.close() });
      return { sizeBytes: layout.pages * pageBytes + 32, chunks };
    }
    if (signal?.aborted === true) {
      snapshot.close();
      throw new QuorateError('request-canceled', 'the caller gave up');
    }
    await pause();
  }
}

async function* inChunks(
  pages: Iterable<Uint8Array | undefined>,
  host: {
    readonly crypto: Crypto;
    readonly pause: () => Promise<void>;
    readonly end: () => void;
  },
): AsyncGenerator<Uint8Array> {
  const hash = host.crypto.createSha256();
  let chunk = new Uint8Array(chunkBytes);
  let filled = 0;
  try {
    for (const page of pages) {
      if (page === undefined) {
        await host.pause();
        continue;
      }
      hash.update(page);
      for (let at = 0; at < page.length; ) {
        const part = page.subarray(at, at + chunkBytes - filled);
        chunk.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled < chunkBytes) continue;
        yield chunk;
        chunk = new Uint8Array(chunkBytes);
        filled = 0;
      }
    }
    if (filled > 0) yield chunk.subarray(0, filled);
    yield hash.finish();
  } finally {
    host.end();
  }
}
