/** Servers that make their certificates themselves, and one that goes on without the others. */
import { readFileSync, rmSync, statSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Logger, openServer, readServerSettings, type Server } from '../../src/server.ts';
import { freePorts } from '../processes/waiting.ts';
import { newDirectory } from './etcd-process.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function listening(lines: string[]): Logger {
  const note = (_facts: unknown, message: string): void => void lines.push(message);
  const logger: Logger = { debug: note, info: note, warn: note, error: note, child: () => logger };
  return logger;
}

/** Flags of so many members of one cluster. */
async function flagsOf(names: readonly string[]): Promise<string[][]> {
  const directory = newDirectory();
  ends.push(() => rmSync(directory, { recursive: true, force: true }));
  const ports = await freePorts(2 * names.length);
  const peer = (i: number): string => `https://127.0.0.1:${ports[2 * i + 1]}`;
  return names.map((name, i) => {
    const client = `https://127.0.0.1:${ports[2 * i]}`;
    return [
      ...['--name', name, '--data-dir', join(directory, name), '--auto-tls', '--peer-auto-tls'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer(i), '--initial-advertise-peer-urls', peer(i)],
      ...['--initial-cluster', names.map((each, at) => `${each}=${peer(at)}`).join()],
    ];
  });
}

async function open(flags: readonly string[], lines: string[] = []): Promise<Server> {
  const server = await openServer(await readServerSettings(flags), { logger: listening(lines) });
  ends.push(() => server.close());
  return server;
}

const directoryOf = (flags: readonly string[]): string => flags[flags.indexOf('--data-dir') + 1]!;

function health(server: Server, ca: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const url = `${server.clientUrls[0]}/health`;
    const request = https.get(url, { ca, agent: false }, (response) => {
      response.on('data', (bytes) => resolve(JSON.parse(String(bytes))));
    });
    request.on('error', reject);
  });
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const written = (key: string) => ({
  key: bytes(key),
  value: bytes('x'),
  lease: 0n,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
});

test('certificates for clients and between members, and one member that goes on alone', async () => {
  const [a, b] = (await flagsOf(['a', 'b'])) as [string[], string[]];
  const lines: string[] = [];
  const servers = await Promise.all([open(a, lines), open(b)]);
  expect(lines.join()).toContain('keep it secret');
  const file = (name: string): string => join(directoryOf(a), 'fixtures', name);
  const certificate = readFileSync(file('client/cert.pem'), 'utf8');
  expect(await health(servers[0]!, certificate)).toEqual({ health: 'true', reason: '' });
  const other = readFileSync(join(directoryOf(b), 'fixtures/client/cert.pem'), 'utf8');
  await expect(health(servers[0]!, other)).rejects.toThrow('self-signed certificate');
  for (const name of ['client/key.pem', 'peer/key.pem']) {
    expect(statSync(file(name)).mode & 0o777).toBe(0o600);
  }
  await servers[1]!.kv.put({ type: 'put', ...written('k') });
  for (const server of servers) await server.close();

  // Alone it could not even be read, with the other gone.
  const alone = await open([...a, '--force-new-cluster'], lines);
  expect(lines.join()).toContain('goes on alone');
  expect(await health(alone, certificate)).toEqual({ health: 'true', reason: '' });
  expect((await alone.kv.memberList()).map(({ name }) => name)).toEqual(['a']);
  expect((await alone.kv.put({ type: 'put', ...written('k') })).revision).toBe(3);
});
