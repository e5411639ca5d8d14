/**
 * The gossip core's cipher on the crypto port: AES-GCM with random nonces of 12 bytes. A random
 * nonce may be drawn twice with a probability that stays below 2^-32 for 2^32 packets under one key
 * (NIST SP 800-38D, 8.3), years of gossip; rotating keys starts anew.
 */
import { aesGcmNonceBytes, type Crypto } from '../ports/crypto.ts';
import type { GossipCipher } from '../swim/api.ts';

/** Lets the core encrypt with `crypto`. */
export function gossipCipher(crypto: Crypto): GossipCipher {
  return {
    nonce: () => crypto.randomBytes(aesGcmNonceBytes),
    seal: (key, nonce, plaintext, aad) =>
      crypto.seal({ key, nonce, associatedData: aad }, plaintext),
    open: (key, nonce, sealed, aad) =>
      crypto.open({ key, nonce, associatedData: aad }, sealed) ?? undefined,
  };
}
