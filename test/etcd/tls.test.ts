/** Security lines 2 to 4 of reliability.md where clients come in: gRPC and JSON over TLS. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { jsonLogger } from '../../src/platform/json-logger.ts';
import { NodeClock } from '../../src/platform/node-clock.ts';
import { NodeCompression } from '../../src/platform/node-compression.ts';
import { NodeHttp } from '../../src/platform/node-http.ts';
import { NodeTextFiles } from '../../src/platform/node-text-files.ts';
import { EtcdFront } from '../../src/server/etcd-front.ts';
import { Listening } from '../../src/server/listening.ts';
import type { TlsFiles } from '../../src/server/settings/settings.ts';
import { parseUrls } from '../../src/server/settings/urls.ts';
import { freePorts, until } from '../processes/waiting.ts';
import { SmallKv } from './small-kv.ts';

const certificates = join(import.meta.dirname, '../ports/certificates');
const pem = (name: string): Buffer => readFileSync(join(certificates, `${name}.pem`));

let folder: string;
let kv: SmallKv;
let listening: Listening | undefined;
let log: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-tls-'));
  kv = new SmallKv();
  log = [];
});
afterEach(async () => {
  await listening?.close(0);
  rmSync(folder, { recursive: true, force: true });
});

const at = (name: string): string => join(folder, name);

async function open(more: Partial<TlsFiles> = {}, urls = ['https://127.0.0.1:0']): Promise<number> {
  copyFileSync(join(certificates, 'server.pem'), at('own.pem'));
  copyFileSync(join(certificates, 'server-key.pem'), at('own-key.pem'));
  copyFileSync(join(certificates, 'authority.pem'), at('authority.pem'));
  copyFileSync(join(certificates, 'revoked-list.pem'), at('list.pem'));
  const front = new EtcdFront({
    kv: kv.asKv(),
    clock: new NodeClock(),
    compression: new NodeCompression(),
    hostNames: [],
    origins: [],
  });
  listening = await Listening.open(
    {
      http: new NodeHttp(),
      textFiles: new NodeTextFiles(),
      logger: jsonLogger({ level: 'debug', write: (line) => log.push(line) }),
    },
    {
      endpoints: parseUrls(urls, 'test'),
      tls: {
        certificatePath: at('own.pem'),
        keyPath: at('own-key.pem'),
        clientCertificateRequired: false,
        ...more,
      },
      limits: {},
      handle: (exchange) => front.handle(exchange),
    },
  );
  return listening.addresses[0]!.port;
}

/** Puts a key by gRPC; answers the code, 0 if it worked. */
function put(port: number, identity?: string): Promise<number> {
  const credentials =
    identity === undefined
      ? grpc.credentials.createSsl(pem('authority'))
      : grpc.credentials.createSsl(pem('authority'), pem(`${identity}-key`), pem(identity));
  const client = new grpc.Client(`127.0.0.1:${port}`, credentials);
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      '/etcdserverpb.KV/Put',
      () => Buffer.from([0x0a, 1, 0x61]),
      (bytes: Buffer) => bytes,
      {},
      new grpc.Metadata(),
      { deadline: Date.now() + 5_000 },
      (error) => {
        client.close();
        resolve(error?.code ?? 0);
      },
    );
  });
}

function get(port: number, path: string, identity?: string): Promise<string> {
  const own = identity === undefined ? {} : { cert: pem(identity), key: pem(`${identity}-key`) };
  const options = { host: '127.0.0.1', port, path, ca: pem('authority'), agent: false, ...own };
  const body = path.startsWith('/v3') ? '{"key":"YQ=="}' : undefined;
  const method = body === undefined ? 'GET' : 'POST';
  return new Promise((resolve, reject) => {
    const request = https.request({ ...options, method }, (answer) => {
      let text = '';
      answer.on('data', (bytes) => {
        text += bytes;
      });
      answer.on('end', () => resolve(text));
    });
    request.on('error', reject);
    request.end(body);
  });
}

test('gRPC and JSON share a port by what the handshake agrees on', async () => {
  const port = await open();
  expect(await put(port)).toBe(0);
  expect(JSON.parse(await get(port, '/v3/kv/range')).count).toBe('1');
  expect(await get(port, '/livez')).toBe('ok\n');
});

test('a certificate is required where authorities are named; its name counts for gRPC alone', async () => {
  const required = { authorityPath: at('authority.pem'), clientCertificateRequired: true };
  const port = await open(required);
  expect(await put(port)).toBe(14);
  expect(await put(port, 'foreign')).toBe(14);
  expect(await put(port, 'expired')).toBe(14);
  await expect(get(port, '/livez')).rejects.toThrow();
  expect(kv.seenCallers).toEqual([]);
  expect(await put(port, 'client')).toBe(0);
  expect(kv.seenCallers).toEqual(['client']);
  await get(port, '/v3/kv/range', 'client');
  expect(kv.seenCallers).toEqual(['client', undefined]);
});

test('a revoked certificate is refused', async () => {
  const port = await open({
    authorityPath: at('authority.pem'),
    revocationListPath: at('list.pem'),
    clientCertificateRequired: true,
  });
  expect(await put(port, 'client')).toBe(0);
  expect(await put(port, 'revoked')).toBe(14);
});

test('a revocation list may be bare DER', async () => {
  const base64 = pem('revoked-list')
    .toString()
    .replace(/-----[^-]+-----/g, '');
  writeFileSync(at('list.der'), Buffer.from(base64, 'base64'));
  const port = await open({
    authorityPath: at('authority.pem'),
    revocationListPath: at('list.der'),
    clientCertificateRequired: true,
  });
  expect(await put(port, 'client')).toBe(0);
  expect(await put(port, 'revoked')).toBe(14);
});

test.each([
  { hostNames: ['elsewhere.example', 'client.example'] },
  { commonNames: ['nobody', 'client'] },
])('only certificates with a name that is allowed are taken: %j', async (allowed) => {
  const port = await open({
    authorityPath: at('authority.pem'),
    clientCertificateRequired: true,
    allowed,
  });
  expect(await put(port, 'client')).toBe(0);
  expect(await put(port, 'server')).toBe(14);
  expect(log.join('')).toContain('client certificate authentication failed');
});

test('https and http of one address share it, by the first byte', async () => {
  const [port] = await freePorts(1);
  await open({}, [`http://127.0.0.1:${port}`, `https://127.0.0.1:${port}`]);
  expect(await put(port!)).toBe(0);
  expect(await get(port!, '/livez')).toBe('ok\n');
  const plain = await fetch(`http://127.0.0.1:${port}/livez`);
  expect(await plain.text()).toBe('ok\n');
});

test('versions and suites can be fewer', async () => {
  const protocol = {
    versionMax: '1.2',
    cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
  } as const;
  const port = await open({ protocol });
  const speak = (ciphers: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const address = { host: '127.0.0.1', port, ca: pem('authority') };
      const socket = tls.connect({ ...address, ciphers }, () => {
        resolve(`${socket.getProtocol()} ${socket.getCipher().standardName}`);
        socket.destroy();
      });
      socket.on('error', reject);
    });
  await expect(speak('ECDHE-ECDSA-AES256-GCM-SHA384')).rejects.toThrow('handshake failure');
  expect(await speak('ECDHE-ECDSA-AES128-GCM-SHA256')).toBe(
    'TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  );
});

test('new certificates are used without a restart, and bad ones are not', async () => {
  const port = await open();
  const shown = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const request = https.get(
        { host: '127.0.0.1', port, path: '/livez', ca: pem('authority'), agent: false },
        (answer) => {
          const { subject } = (answer.socket as import('node:tls').TLSSocket).getPeerCertificate();
          answer.resume();
          resolve(String(subject.CN));
        },
      );
      request.on('error', reject);
    });
  expect(await shown()).toBe('server');
  copyFileSync(join(certificates, 'renewed.pem'), at('own.pem'));
  await until('a warning, for the key is still the old one', () =>
    log.some((line) => line.includes('new certificates cannot be used')),
  );
  expect(await shown()).toBe('server');
  copyFileSync(join(certificates, 'renewed-key.pem'), at('own-key.pem'));
  await until('the new one', async () => (await shown()) === 'renewed');
});

test('files that are not there are an error with their name', async () => {
  await expect(open({ keyPath: at('none.pem') })).rejects.toMatchObject({ code: 'file-not-found' });
  listening = undefined;
});
