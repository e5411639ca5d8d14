/** `saveSnapshot` of a running server: whole, checked, and there at once or not at all. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  putRequest,
  readServerSettings,
  readSnapshotStatus,
  restoreSnapshot,
  saveSnapshot,
} from '../../src/server.ts';
import { freePorts } from '../processes/waiting.ts';
import { newDirectory } from './etcd-process.ts';
import { type OwnServer, startServer } from './own-server.ts';

let own: OwnServer;
const directory = newDirectory();
beforeAll(async () => {
  own = await startServer();
});
afterAll(async () => {
  await own?.stop();
  rmSync(directory, { recursive: true, force: true });
});

test('what a server holds is saved, and can be looked into and restored', async () => {
  const { kv } = own.server;
  // More than a client may have sent to it before it says that it has taken something.
  const value = 'v'.repeat(1_000_000);
  for (let i = 0; i < 6; i++) await kv.put(putRequest(`k${i}`, value));
  const file = join(directory, 'saved.db');
  const url = `http://${own.endpoint}`;
  const first = await saveSnapshot(file, { url });
  expect(first).toEqual({ sizeBytes: statSync(file).size, version: '3.6.0' });
  expect(first.sizeBytes).toBeGreaterThan(6_000_000);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await kv.put(putRequest('k0', 'less'));
  await saveSnapshot(file, { url });
  expect(readSnapshotStatus(file).revision).toBe(8);
  expect(readdirSync(directory)).toEqual(['saved.db']);
  const settings = await readServerSettings(['--data-dir', join(directory, 'restored')]);
  expect(await restoreSnapshot(file, settings)).toMatchObject({ keys: 6, revision: 8 });
});

test('a user is needed where access control is on, and the right one', async () => {
  const { kv } = own.server;
  const file = join(directory, 'guarded.db');
  const url = `http://${own.endpoint}`;
  await kv.userAdd({ name: 'root', password: 'secret', noPassword: false, hashedPassword: '' });
  await kv.roleAdd('root');
  await kv.userGrantRole({ user: 'root', role: 'root' });
  await kv.authEnable();
  await expect(saveSnapshot(file, { url })).rejects.toThrow('user name is empty');
  const wrong = { name: 'root', password: 'wrong' };
  await expect(saveSnapshot(file, { url, user: wrong })).rejects.toThrow('authentication failed');
  expect(readdirSync(directory)).not.toContain('guarded.db');
  await saveSnapshot(file, { url, user: { name: 'root', password: 'secret' } });
  expect(readSnapshotStatus(file).totalKeys).toBeGreaterThan(6);
});

test('nobody there: it fails by name, and leaves nothing', async () => {
  const [port] = await freePorts(1);
  const file = join(directory, 'nothing.db');
  await expect(saveSnapshot(file, { url: `http://127.0.0.1:${port}` })).rejects.toMatchObject({
    code: 'connection-refused',
  });
  await expect(saveSnapshot(file, { url: '127.0.0.1:1' })).rejects.toMatchObject({
    code: 'invalid-config',
  });
  expect(readdirSync(directory).filter((name) => name.startsWith('nothing'))).toEqual([]);
});
