/** What every {@link Crypto} does. Known answers of the ciphers are tested on the real one alone. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AssertionError } from '../../src/base/assert.ts';
import type { AesGcmInput, Crypto, ScryptInput } from '../../src/ports/crypto.ts';
import { ask, type Harness, isPlain, type MakeHarness } from './harness.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (content: Uint8Array): string => Buffer.from(content).toString('hex');

/** Registers the suite. */
export function cryptoSuite(name: string, make: MakeHarness<Crypto>): void {
  describe(`crypto port: ${name}`, () => {
    let world: Harness<Crypto>;
    let crypto: Crypto;
    beforeEach(async () => {
      world = await make();
      crypto = world.port;
    });
    afterEach(() => world.close());

    test('gives random bytes, other ones each time', () => {
      for (const size of [0, 1, 33, 65_536]) expect(crypto.randomBytes(size).length).toBe(size);
      expect(isPlain(crypto.randomBytes(5))).toBe(true);
      const drawn = new Set(Array.from({ length: 100 }, () => hex(crypto.randomBytes(16))));
      expect(drawn.size).toBe(100);
      expect(() => crypto.randomBytes(65_537)).toThrow(AssertionError);
    });

    // FIPS 180-4's examples, and lengths around the block's end.
    test.each([
      ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
      ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
      [
        'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
        '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
      ],
      ['a'.repeat(64), 'ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb'],
      ['a'.repeat(1_000), '41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3'],
    ])('hashes %j', (text, expected) => {
      expect(hex(crypto.sha256(bytes(text)))).toBe(expected);
      const piecewise = crypto.createSha256();
      for (let at = 0; at < text.length; at += 17) piecewise.update(bytes(text.slice(at, at + 17)));
      const hash = piecewise.finish();
      expect(hex(hash)).toBe(expected);
      expect([hash, crypto.sha256(bytes(text))].every(isPlain)).toBe(true);
    });

    // RFC 4231, test cases 2 and 6 (a key longer than a block).
    test('authenticates', () => {
      expect(hex(crypto.hmacSha256(bytes('Jefe'), bytes('what do ya want for nothing?')))).toBe(
        '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
      );
      const long = bytes('Test Using Larger Than Block-Size Key - Hash Key First');
      expect(hex(crypto.hmacSha256(new Uint8Array(131).fill(0xaa), long))).toBe(
        '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
      );
    });

    test.each([16, 24, 32])(
      'seals with a key of %i bytes, and opens only what was sealed',
      (size) => {
        const key = crypto.randomBytes(size);
        const nonce = crypto.randomBytes(12);
        const associatedData = bytes('label');
        const input: AesGcmInput = { key, nonce, associatedData };
        for (const text of ['', 'x', 'a packet that spans several blocks of the cipher']) {
          const sealed = crypto.seal(input, bytes(text));
          expect(sealed.length).toBe(text.length + 16);
          expect(isPlain(sealed) && isPlain(crypto.open(input, sealed)!)).toBe(true);
          expect(crypto.open(input, sealed)).toEqual(bytes(text));
          for (let at = 0; at < sealed.length; at++) {
            const changed = sealed.slice();
            changed[at]! ^= 1 << (at % 8);
            expect(crypto.open(input, changed)).toBeNull();
          }
          expect(crypto.open({ ...input, associatedData: bytes('other') }, sealed)).toBeNull();
          expect(crypto.open({ key, nonce }, sealed)).toBeNull();
          expect(crypto.open({ ...input, nonce: crypto.randomBytes(12) }, sealed)).toBeNull();
          expect(crypto.open({ ...input, key: crypto.randomBytes(size) }, sealed)).toBeNull();
          expect(crypto.open(input, sealed.subarray(0, sealed.length - 1))).toBeNull();
          if (text.length > 8) expect(Buffer.from(sealed).includes(text.slice(0, 8))).toBe(false);
        }
        expect(crypto.open(input, new Uint8Array(15))).toBeNull();
        expect(crypto.open(input, new Uint8Array(0))).toBeNull();
      },
    );

    test('takes a wrong key or nonce for a bug', () => {
      const key = new Uint8Array(16);
      const nonce = new Uint8Array(12);
      const nothing = new Uint8Array(0);
      expect(() => crypto.seal({ key: new Uint8Array(15), nonce }, nothing)).toThrow(
        AssertionError,
      );
      expect(() => crypto.seal({ key, nonce: new Uint8Array(16) }, nothing)).toThrow(
        AssertionError,
      );
      expect(() => crypto.open({ key, nonce: new Uint8Array(16) }, nothing)).toThrow(
        AssertionError,
      );
    });

    test('compares', () => {
      expect(crypto.equal(bytes('same'), bytes('same'))).toBe(true);
      expect(crypto.equal(bytes('same'), bytes('sane'))).toBe(false);
      expect(crypto.equal(bytes('same'), bytes('same '))).toBe(false);
      expect(crypto.equal(bytes(''), bytes(''))).toBe(true);
    });

    test('hashes passwords: same in, same out', async () => {
      const input: ScryptInput = {
        password: bytes('secret'),
        salt: bytes('salt'),
        cost: 2,
        blockSize: 8,
        parallelization: 1,
        hashBytes: 33,
      };
      const hash = (changed: Partial<ScryptInput>): Promise<Uint8Array> =>
        ask<Uint8Array>(world, (answer) => crypto.scrypt({ ...input, ...changed }, answer));
      const first = await hash({});
      expect(first.length).toBe(33);
      expect(isPlain(first) && isPlain(crypto.hmacSha256(first, first))).toBe(true);
      expect(await hash({})).toEqual(first);
      expect(await hash({ password: bytes('Secret') })).not.toEqual(first);
      expect(await hash({ salt: bytes('pepper') })).not.toEqual(first);
      expect(await hash({ cost: 4 })).not.toEqual(first);
      expect(() => crypto.scrypt({ ...input, cost: 3 }, () => {})).toThrow(AssertionError);
      expect(() => crypto.scrypt({ ...input, cost: 2 ** 20, blockSize: 32 }, () => {})).toThrow(
        AssertionError,
      );
    });
  });
}
