/** AES-GCM of Node for tests of the pure core, with nonces that repeat from run to run. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { GossipCipher } from '../../src/swim/api.ts';

export function nodeCipher(): GossipCipher {
  let nonces = 0;
  const algorithm = (key: Uint8Array) => `aes-${(key.length * 8) as 128 | 192 | 256}-gcm` as const;
  return {
    nonce() {
      const nonce = new Uint8Array(12);
      new DataView(nonce.buffer).setUint32(8, ++nonces);
      return nonce;
    },
    seal(key, nonce, plaintext, aad) {
      const cipher = createCipheriv(algorithm(key), key, nonce);
      cipher.setAAD(aad);
      const body = cipher.update(plaintext);
      cipher.final();
      return new Uint8Array(Buffer.concat([body, cipher.getAuthTag()]));
    },
    open(key, nonce, sealed, aad) {
      const decipher = createDecipheriv(algorithm(key), key, nonce);
      decipher.setAAD(aad);
      decipher.setAuthTag(sealed.subarray(sealed.length - 16));
      try {
        const body = decipher.update(sealed.subarray(0, sealed.length - 16));
        decipher.final();
        return new Uint8Array(body);
      } catch {
        return undefined;
      }
    },
  };
}
