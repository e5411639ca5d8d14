import crypto from 'node:crypto';
import { expect, test } from 'vitest';
import { NodeSigning } from './node-signing.ts';

const signing = new NodeSigning();
const bytes = new TextEncoder().encode('header.payload');

function keys(type: 'rsa' | 'ec' | 'ed25519', options: object) {
  const encodings = {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  };
  const pair = crypto.generateKeyPairSync(type as 'rsa', { ...options, ...encodings } as never);
  return pair as unknown as { publicKey: string; privateKey: string };
}

const rsa = keys('rsa', { modulusLength: 2048 });
const curve = keys('ec', { namedCurve: 'P-256' });
const edwards = keys('ed25519', {});

test.each([
  ['RS256', rsa],
  ['PS384', rsa],
  ['ES256', curve],
  ['EdDSA', edwards],
] as const)('%s signs, verifies, and refuses what was changed', (algorithm, pair) => {
  const signer = signing.signer({ algorithm, ...pair });
  const signature = signer.sign!(bytes);
  const verifier = signing.signer({ algorithm, publicKey: pair.publicKey });
  expect(verifier.sign).toBeUndefined();
  expect(verifier.verify(bytes, signature)).toBe(true);
  expect(verifier.verify(bytes.subarray(1), signature)).toBe(false);
  expect(
    verifier.verify(
      bytes,
      signature.map((byte) => byte ^ 1),
    ),
  ).toBe(false);
});

test('a secret', () => {
  const signer = signing.signer({ algorithm: 'HS256', privateKey: 'a secret of enough letters' });
  expect(signer.verify(bytes, signer.sign!(bytes))).toBe(true);
  expect(signer.verify(bytes, new Uint8Array(32))).toBe(false);
});

test.each([
  ['none', rsa],
  ['RS256', curve],
  ['ES256', rsa],
  ['RS256', { publicKey: 'nonsense' }],
  ['HS256', { privateKey: 'short' }],
])('%s with such a key is refused', (algorithm, pair) => {
  expect(() => signing.signer({ algorithm, ...pair })).toThrow(
    expect.objectContaining({ code: 'invalid-config' }),
  );
});
