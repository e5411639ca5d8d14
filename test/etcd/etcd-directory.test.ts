/** The data directory of an etcd is no empty directory, though no member of ours is in it. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openServer, readServerSettings } from '../../src/server.ts';
import { newDirectory } from './etcd-process.ts';

const directory = newDirectory();
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('a server does not begin an empty cluster where the data of an etcd lie', async () => {
  mkdirSync(join(directory, 'member', 'snap'), { recursive: true });
  const settings = await readServerSettings(['--name', 'a', '--data-dir', directory]);
  await expect(openServer(settings)).rejects.toMatchObject({ code: 'invalid-config' });
  expect(readdirSync(directory)).toEqual(['member']);
});
