/** Real cryptography, for tests of what is pure. */
import { NodeCrypto } from '../../src/platform/node-crypto.ts';

export const crypto = new NodeCrypto();
