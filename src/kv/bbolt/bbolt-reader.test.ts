import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes } from '../../base/compare-bytes.ts';
import { QuorateError } from '../../base/errors.ts';
import { joinBytes } from '../../base/join-bytes.ts';
import { BboltReader, type ByteSource } from './bbolt-reader.ts';
import { type BucketSource, layOut, writeFile } from './bbolt-writer.ts';
import { branchPage, bucketHeader, leafPage, metaPage } from './page.ts';

type Entry = { readonly key: Uint8Array; readonly value: Uint8Array };

function written(buckets: Readonly<Record<string, readonly Entry[]>>): Uint8Array {
  const sources: BucketSource[] = Object.entries(buckets).map(([name, entries]) => ({
    name,
    entries: () => entries,
  }));
  const planning = layOut(sources);
  let step = planning.next();
  while (step.done !== true) step = planning.next();
  return joinBytes([...writeFile(step.value)].filter((page) => page !== undefined));
}

/** Counts what is asked for, so that no damage makes it large. */
class Bytes implements ByteSource {
  readonly sizeBytes: number;
  readonly #bytes: Uint8Array;
  taken = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.sizeBytes = bytes.length;
  }

  read(position: number, bytes: number): Uint8Array {
    if (position + bytes > this.sizeBytes) throw new Error('read beyond the end');
    this.taken += bytes;
    return this.#bytes.slice(position, position + bytes);
  }
}

function entriesOf(bytes: Uint8Array, bucket: string): Entry[] {
  const reader = new BboltReader(new Bytes(bytes));
  return Array.from(reader.bucket(bucket), ({ key, value }) => ({ key, value }));
}

/** What became of reading: entries, or the code of the error. Everything else fails the test. */
function attempt(bytes: Uint8Array): number | string {
  const source = new Bytes(bytes);
  try {
    const reader = new BboltReader(source);
    let count = 0;
    for (const name of ['key', 'lease']) for (const _ of reader.bucket(name)) count++;
    return count;
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    return error.code;
  } finally {
    expect(source.taken).toBeLessThan(8 * bytes.length + 4096);
  }
}

/** As text, which is compared sooner than many small arrays. */
function shown(entries: readonly Entry[]): string {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  return entries.map(({ key, value }) => `${hex(key)}=${hex(value)}`).join();
}

function numbered(count: number, valueBytes: number): Entry[] {
  return Array.from({ length: count }, (_, i) => ({
    key: new TextEncoder().encode(String(i).padStart(8, '0')),
    value: new Uint8Array(valueBytes).fill(i),
  }));
}

describe('a bbolt file', () => {
  it('is read as it was written', () => {
    const entry = fc.record({
      key: fc.uint8Array({ minLength: 1, maxLength: 600 }),
      value: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(new Uint8Array(9000).fill(7))),
    });
    const bucket = fc
      .uniqueArray(entry, { maxLength: 60, selector: ({ key }) => String(key) })
      .map((all) => all.sort((a, b) => compareBytes(a.key, b.key)));
    fc.assert(
      fc.property(bucket, bucket, (key, lease) => {
        const file = written({ key, lease, meta: [] });
        expect(shown(entriesOf(file, 'key'))).toBe(shown(key));
        expect(shown(entriesOf(file, 'lease'))).toBe(shown(lease));
        expect(shown(entriesOf(file, 'meta'))).toBe(shown([]));
        expect(shown(entriesOf(file, 'none'))).toBe(shown([]));
      }),
      { numRuns: 25 },
    );
  });

  it('may have several levels of branches', () => {
    const key = numbered(3_000, 400);
    expect(shown(entriesOf(written({ key }), 'key'))).toBe(shown(key));
  });

  it('may have small buckets within a page', () => {
    const meta = { pageBytes: 4096, root: 3, freelist: 2, pages: 4, transaction: 0 };
    const entries = numbered(5, 10);
    const value = joinBytes([bucketHeader(0), leafPage(0, entries.map(plain))]);
    const key = new TextEncoder().encode('key');
    const file = joinBytes([
      metaPage(0, { ...meta, transaction: 1 }),
      metaPage(1, meta),
      leafPage(2, []),
      leafPage(3, [{ key, value, isBucket: true }]),
    ]);
    // The page within is padded to a whole one here, so that the outer one overflows.
    expect(() => entriesOf(file, 'key')).toThrow('too long');
    const short = value.slice(0, 16 + 16 + 5 * 16 + 5 * 18);
    const fitting = joinBytes([
      file.slice(0, 3 * 4096),
      leafPage(3, [{ key, value: short, isBucket: true }]),
    ]);
    expect(shown(entriesOf(fitting, 'key'))).toBe(shown(entries));
  });

  it('is read from the newest meta page that is whole', () => {
    const key = numbered(10, 10);
    for (const page of [0, 1]) {
      const file = written({ key });
      file[page * 4096 + 20]! ^= 1;
      expect(shown(entriesOf(file, 'key'))).toBe(shown(key));
    }
    const file = written({ key });
    file[20]! ^= 1;
    file[4096 + 20]! ^= 1;
    expect(attempt(file)).toBe('snapshot-damaged');
  });
});

describe('a damaged bbolt file', () => {
  const file = written({ key: numbered(40, 30), lease: numbered(3, 5) });

  it('is read or refused, whichever byte is another', () => {
    const refused = new Set<string | number>();
    for (let at = 0; at < file.length; at += at % 4096 < 900 ? 1 : 41) {
      const changed = file.slice();
      changed[at]! ^= at % 3 === 0 ? 0xff : 1 << (at & 7);
      refused.add(attempt(changed));
    }
    expect(refused).toContain('snapshot-damaged');
    for (const result of refused) {
      if (typeof result === 'string') expect(result).toBe('snapshot-damaged');
    }
  });

  it('is refused when it is cut off anywhere', () => {
    for (let length = 0; length < file.length; length += 97) {
      expect(attempt(file.slice(0, length))).toBe('snapshot-damaged');
    }
  });

  it('is read or refused, whatever its pages hold', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 8192, max: file.length - 1 }), fc.nat(255)), {
          minLength: 1,
          maxLength: 40,
        }),
        (changes) => {
          const changed = file.slice();
          for (const [at, byte] of changes) changed[at] = byte;
          expect([43, 'snapshot-damaged']).toContain(normal(attempt(changed)));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('is refused when its pages form a circle', () => {
    const meta = { pageBytes: 4096, root: 3, freelist: 2, pages: 4, transaction: 1 };
    const key = new TextEncoder().encode('key');
    const circle = joinBytes([
      metaPage(0, meta),
      metaPage(1, meta),
      leafPage(2, []),
      branchPage(3, [{ key, page: 3 }]),
    ]);
    expect(attempt(circle)).toBe('snapshot-damaged');
  });
});

function plain({ key, value }: Entry): Entry & { readonly isBucket: boolean } {
  return { key, value, isBucket: false };
}

/** Fewer entries may be left where a count has changed. */
function normal(result: number | string): number | string {
  return typeof result === 'number' ? 43 : result;
}
