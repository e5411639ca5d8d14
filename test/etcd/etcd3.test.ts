/** npm's etcd3 1.1.2 works against our server: plain, over TLS, and with access control. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { etcd3AccessSuite, etcd3Suite } from './etcd3-suite.ts';
import { type OwnServer, startServer } from './own-server.ts';

const certificate = (name: string): string =>
  join(import.meta.dirname, `../ports/certificates/${name}.pem`);

describe('without TLS', () => {
  let own: OwnServer;
  beforeAll(async () => {
    own = await startServer();
  });
  afterAll(() => own.stop());
  const options = () => ({ hosts: `http://${own.endpoint}` });
  etcd3Suite('everything', options);
  etcd3AccessSuite('roles', options);
});

describe('with TLS and certificates of both sides', () => {
  let own: OwnServer;
  beforeAll(async () => {
    own = await startServer([
      ...['--cert-file', certificate('server'), '--key-file', certificate('server-key')],
      ...['--trusted-ca-file', certificate('authority'), '--client-cert-auth'],
    ]);
  });
  afterAll(() => own.stop());
  etcd3Suite('everything', () => ({
    hosts: `https://${own.endpoint}`,
    credentials: {
      rootCertificate: readFileSync(certificate('authority')),
      certChain: readFileSync(certificate('client')),
      privateKey: readFileSync(certificate('client-key')),
    },
  }));
});
