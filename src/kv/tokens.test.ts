import { createHmac, timingSafeEqual } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { makeJwt, readJwt, SimpleTokens, simpleTokenIndex, type TokenSigner } from './tokens.ts';

function signer(secret: string, algorithm = 'HS256'): TokenSigner {
  const sign = (bytes: Uint8Array): Uint8Array =>
    createHmac('sha256', secret).update(bytes).digest();
  return {
    algorithm,
    sign,
    verify: (bytes, signature) =>
      signature.length === 32 && timingSafeEqual(sign(bytes), signature),
  };
}

const base64Url = (text: string): string => Buffer.from(text).toString('base64url');

describe('a JWT', () => {
  const token = makeJwt({ user: 'me', revision: 7 }, 1000, signer('key'));

  it('says who it was given to, until its time is up', () => {
    expect(readJwt(token, signer('key'), 999)).toEqual({ user: 'me', revision: 7 });
    expect(() => readJwt(token, signer('key'), 1000)).toThrow(/time is up/);
  });

  it.each([
    ['another key', token, signer('other')],
    ['another algorithm than is pinned', token, signer('key', 'HS512')],
    [
      'a changed claim',
      token.replace(/\.[^.]+\./, `.${base64Url('{"username":"root","revision":7,"exp":1000}')}.`),
      signer('key'),
    ],
    [
      'algorithm none',
      `${base64Url('{"alg":"none"}')}.${base64Url('{"username":"root","revision":7,"exp":1000}')}.`,
      signer('key'),
    ],
    [
      'algorithm none, where that is what the header says',
      `${base64Url('{"alg":"none"}')}..`,
      signer('key', 'HS256'),
    ],
    ['no end', `${token}.x`, signer('key')],
    ['no sense', 'abc', signer('key')],
    ['a signature that is no base64', token.replace(/[^.]+$/, '!!'), signer('key')],
  ])('with %s is refused', (_, wrong, by) => {
    expect(() => readJwt(wrong, by, 0)).toThrow(
      expect.objectContaining({ code: 'invalid-auth-token' }),
    );
  });

  it('cannot be given where there is no private key', () => {
    const { sign: _, ...verifier } = signer('key');
    expect(() => makeJwt({ user: 'me', revision: 1 }, 1, verifier)).toThrow(/cannot be signed/);
  });
});

describe('a simple token', () => {
  it('ends when it was not used for its time, and with its user', () => {
    let nowMs = 0;
    const clock = {
      monotonicMs: () => nowMs,
      wallMs: () => 0,
      after: () => () => {},
      endOfTurn: () => {},
    };
    const tokens = new SimpleTokens(clock, 300);
    tokens.issued('abc.1', 'me');
    tokens.issued('def.2', 'you');
    for (let used = 0; used < 5; used++) {
      nowMs += 299_000;
      expect(tokens.user('abc.1')).toBe('me');
    }
    expect(tokens.user('def.2')).toBeUndefined();
    tokens.revoke('me');
    expect(tokens.user('abc.1')).toBeUndefined();
  });

  it('has sixteen letters and an index', () => {
    const secret = SimpleTokens.secret(Uint8Array.from({ length: 16 }, (_, i) => i * 16));
    expect(simpleTokenIndex(`${secret}.42`)).toBe(42);
    for (const wrong of [
      '',
      'abc.1',
      `${secret}`,
      `${secret}.`,
      `${secret}.x`,
      `1${secret.slice(1)}.1`,
    ]) {
      expect(simpleTokenIndex(wrong)).toBeUndefined();
    }
  });
});
