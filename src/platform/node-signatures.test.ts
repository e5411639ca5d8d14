import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { QuorateError } from '../base/errors.ts';
import { NodeSignatures } from './node-signatures.ts';

const pem = { type: 'pkcs8', format: 'pem' } as const;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const text = (key: typeof rsa.privateKey): string => key.export(pem).toString();
const bytes = new TextEncoder().encode('signed');
const signatures = new NodeSignatures();

describe('signatures', () => {
  it.each([
    ['RS256', text(rsa.privateKey)],
    ['PS384', text(rsa.privateKey)],
    ['ES256', text(ec.privateKey)],
    ['EdDSA', text(ed.privateKey)],
    ['HS512', 'a shared secret of some length'],
  ])('by %s hold for what was signed, and for nothing else', (algorithm, privateKey) => {
    const signer = signatures.open({ algorithm, publicKey: undefined, privateKey });
    if (signer instanceof QuorateError) throw signer;
    const signature = signer.sign!(bytes);
    expect(signer.verify(bytes, signature)).toBe(true);
    expect(signer.verify(bytes.subarray(1), signature)).toBe(false);
    expect(signer.verify(bytes, new Uint8Array(signature.length))).toBe(false);
    expect(signer.verify(bytes, new Uint8Array())).toBe(false);
  });

  it.each([
    ['none', text(rsa.privateKey)],
    ['', text(rsa.privateKey)],
    ['ES256', text(rsa.privateKey)],
    ['RS256', 'no key'],
    ['RS256', undefined],
    ['HS256', 'short'],
  ])('by %s with keys that do not fit are refused', (algorithm, privateKey) => {
    const found = signatures.open({ algorithm, publicKey: undefined, privateKey });
    expect(found).toMatchObject({ code: 'invalid-config' });
  });

  it('are only checked where the public key alone is known', () => {
    const publicKey = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const signer = signatures.open({ algorithm: 'RS256', publicKey, privateKey: undefined });
    expect(signer).not.toHaveProperty('sign');
  });
});
