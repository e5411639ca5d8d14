import { describe, expect, test } from 'vitest';
import { cryptoSuite } from '../../test/ports/crypto-suite.ts';
import { ask, untilReal } from '../../test/ports/harness.ts';
import { NodeCrypto } from './node-crypto.ts';

cryptoSuite('Node', async () => ({
  port: new NodeCrypto(),
  until: untilReal,
  close: async () => {},
}));

describe('real primitives give the known answers', () => {
  const crypto = new NodeCrypto();
  const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
  const hex = (content: Uint8Array): string => Buffer.from(content).toString('hex');

  // McGrew and Viega, "The Galois/Counter Mode of Operation", test case 4.
  test('AES-GCM', () => {
    const input = {
      key: bytes('feffe9928665731c6d6a8f9467308308'),
      nonce: bytes('cafebabefacedbaddecaf888'),
      associatedData: bytes('feedfacedeadbeeffeedfacedeadbeefabaddad2'),
    };
    const plaintext = bytes(
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
        '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    );
    const sealed = crypto.seal(input, plaintext);
    expect(hex(sealed)).toBe(
      '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e' +
        '21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091' +
        '5bc94fbc3221a5db94fae95ae7121a47',
    );
  });

  // RFC 7914, section 12.
  test('scrypt', async () => {
    const hash = await ask<Uint8Array>({ until: untilReal }, (answer) =>
      crypto.scrypt(
        {
          password: Buffer.from('password'),
          salt: Buffer.from('NaCl'),
          cost: 1024,
          blockSize: 8,
          parallelization: 16,
          hashBytes: 64,
        },
        answer,
      ),
    );
    expect(hex(hash)).toBe(
      'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162' +
        '2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
    );
  });
});
