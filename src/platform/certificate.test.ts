import { spawnSync } from 'node:child_process';
import crypto, { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { keyFromSecret, makeCertificate } from './certificate.ts';

const fromMs = Date.UTC(2026, 0, 2, 3, 4, 5);
const untilMs = Date.UTC(2051, 5, 6, 7, 8, 9);
const hosts = ['localhost', 'a.example', '127.0.0.1', '::1', 'fd00:1::2:3', '10.20.30.255'];

describe('a certificate', () => {
  test('of its own says what it was told, and fits its key', () => {
    const { certificate, key } = makeCertificate({ name: 'quorate a', hosts, fromMs, untilMs });
    const read = new X509Certificate(certificate);
    expect(read.subject).toBe('CN=quorate a');
    expect(read.issuer).toBe(read.subject);
    expect([Date.parse(read.validFrom), Date.parse(read.validTo)]).toEqual([fromMs, untilMs]);
    expect(read.ca).toBe(false);
    expect(read.verify(read.publicKey)).toBe(true);
    expect(read.checkPrivateKey(crypto.createPrivateKey(key))).toBe(true);
    expect(read.checkHost('localhost')).toBe('localhost');
    expect(read.checkHost('b.example')).toBeUndefined();
    for (const address of ['127.0.0.1', '10.20.30.255']) {
      expect(read.checkIP(address)).toBe(address);
    }
    expect(read.checkIP('10.20.30.25')).toBeUndefined();
    expect(read.subjectAltName).toContain('IP Address:0:0:0:0:0:0:0:1');
    expect(read.subjectAltName).toContain('IP Address:FD00:1:0:0:0:0:2:3');
    // The same facts make another certificate: for another key, with another number.
    expect(makeCertificate({ name: 'quorate a', hosts, fromMs, untilMs }).key).not.toBe(key);
  });

  test('under an authority, whose key follows from a secret', () => {
    const key = keyFromSecret('token', 'test');
    const issuer = { name: 'authority', key };
    const authority = makeCertificate({
      name: 'authority',
      key,
      isAuthority: true,
      fromMs,
      untilMs,
    });
    const { certificate } = makeCertificate({ name: 'a', hosts, fromMs, untilMs, issuer });
    const [above, read] = [authority.certificate, certificate].map(
      (pem) => new X509Certificate(pem),
    );
    expect(above!.ca).toBe(true);
    expect(read!.checkIssued(above!)).toBe(true);
    // Whoever has the same secret has the same authority, and nobody else.
    const same = crypto.createPublicKey(keyFromSecret('token', 'test'));
    const other = crypto.createPublicKey(keyFromSecret('another', 'test'));
    expect([same, other].map((each) => read!.verify(each))).toEqual([true, false]);
  });

  test('is accepted by openssl, for servers and for clients', (context) => {
    const version = spawnSync('openssl', ['version']);
    context.skip(version.status !== 0, 'needs openssl');
    const directory = mkdtempSync(path.join(tmpdir(), 'quorate-certificate-'));
    try {
      const key = keyFromSecret('token', 'test');
      const files = ['authority', 'leaf'].map((name) => path.join(directory, `${name}.pem`));
      const facts = { fromMs, untilMs };
      const authority = makeCertificate({ ...facts, name: 'top', key, isAuthority: true });
      const leaf = makeCertificate({ ...facts, name: 'a', hosts, issuer: { name: 'top', key } });
      writeFileSync(files[0]!, authority.certificate);
      writeFileSync(files[1]!, leaf.certificate);
      for (const purpose of ['sslserver', 'sslclient']) {
        const at = String(Math.round((fromMs + untilMs) / 2_000));
        const how = ['-purpose', purpose, '-attime', at, '-CAfile', files[0]!];
        const found = spawnSync('openssl', ['verify', ...how, files[1]!]);
        expect([purpose, found.status, String(found.stderr)]).toEqual([purpose, 0, '']);
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
