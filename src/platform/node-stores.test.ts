import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { act, ask, failure, untilReal } from '../../test/ports/harness.ts';
import { storeSuite } from '../../test/ports/store-suite.ts';
import type { Store } from '../ports/store.ts';
import { NodeStores } from './node-stores.ts';

const world = { until: untilReal };

function makeRoot(): string {
  return fs.mkdtempSync(join(os.tmpdir(), 'quorate-store-'));
}

storeSuite('LMDB', async () => {
  const root = makeRoot();
  return {
    port: new NodeStores(root),
    until: untilReal,
    close: async () => fs.rmSync(root, { recursive: true }),
  };
});

test('a file that is no store, or was cut, is named as damaged', async () => {
  const root = makeRoot();
  const file = join(root, 'kv', 'data.mdb');
  const stores = new NodeStores(root);
  const store = await ask<Store>(world, (answer) => stores.open('kv', answer));
  const batch = Array.from({ length: 100 }, (_, at) => ({
    key: Uint8Array.of(1, at),
    value: new Uint8Array(1000),
  }));
  await act(world, (done) => store.write(batch, done));
  await act(world, (done) => store.close(done));
  const good = fs.readFileSync(file);
  const bad = [new Uint8Array(65_536).fill(0x51), good.subarray(0, 12_288), good.subarray(0, 100)];
  for (const content of bad) {
    fs.writeFileSync(file, content);
    expect(await failure(world, (end) => stores.open('kv', end))).toBe('store-damaged');
  }
  good[0x1c] = 9;
  fs.writeFileSync(file, good);
  expect(await failure(world, (end) => stores.open('kv', end))).toBe('format-too-new');
  fs.rmSync(root, { recursive: true });
});

test('uses the space of what was removed again', async () => {
  const root = makeRoot();
  const store = await ask<Store>(world, (answer) => new NodeStores(root).open('kv', answer));
  const round = async (): Promise<void> => {
    const keys = Array.from({ length: 300 }, (_, at) => Uint8Array.of(1, at >> 8, at));
    const value = new Uint8Array(3000);
    await act(world, (done) =>
      store.write(
        keys.map((key) => ({ key, value })),
        done,
      ),
    );
    const gone = keys.map((key) => ({ key, value: undefined }));
    await act(world, (done) => store.write(gone, done));
  };
  await round();
  await round();
  const { fileBytes } = store.size();
  for (let at = 0; at < 5; at++) await round();
  expect(store.size().fileBytes).toBeLessThan(fileBytes * 1.5);
  expect(store.size().usedBytes).toBeLessThan(100_000);
  await act(world, (done) => store.close(done));
  fs.rmSync(root, { recursive: true });
});
