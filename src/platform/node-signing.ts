/** Signatures on Node's own cryptography. */
import crypto from 'node:crypto';
import { QuorateError } from '../base/errors.ts';
import {
  type Signer,
  type SignerInput,
  type Signing,
  signatureAlgorithms,
} from '../ports/signing.ts';
import { plainBytes } from './plain-bytes.ts';

/** What kind of key each family needs. */
const keyTypes: Readonly<Record<string, readonly string[]>> = {
  RS: ['rsa'],
  PS: ['rsa', 'rsa-pss'],
  ES: ['ec'],
  Ed: ['ed25519'],
};

/** See {@link Signing}. */
export class NodeSigning implements Signing {
  signer(input: SignerInput): Signer {
    const { algorithm, publicKey, privateKey } = input;
    if (!signatureAlgorithms.includes(algorithm)) {
      throw new QuorateError('invalid-config', `there is no sign-method "${algorithm}"`);
    }
    if (algorithm.startsWith('HS')) return secretSigner(algorithm, privateKey ?? publicKey ?? '');
    try {
      const family = algorithm.slice(0, 2);
      const hash = algorithm === 'EdDSA' ? null : `sha${algorithm.slice(2)}`;
      const own = privateKey === undefined ? undefined : crypto.createPrivateKey(privateKey);
      const theirs = crypto.createPublicKey(publicKey ?? privateKey ?? '');
      for (const key of [own, theirs]) {
        if (key === undefined || keyTypes[family]!.includes(key.asymmetricKeyType ?? '')) continue;
        throw new Error(`a key of type ${key.asymmetricKeyType} does not sign by ${algorithm}`);
      }
      const padding =
        family === 'PS'
          ? {
              padding: crypto.constants.RSA_PKCS1_PSS_PADDING,
              saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST,
            }
          : {};
      const options = { dsaEncoding: 'ieee-p1363', ...padding } as const;
      return {
        algorithm,
        ...(own === undefined
          ? {}
          : {
              sign: (bytes: Uint8Array) =>
                plainBytes(crypto.sign(hash, bytes, { key: own, ...options })),
            }),
        verify: (bytes, signature) =>
          crypto.verify(hash, bytes, { key: theirs, ...options }, signature),
      };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new QuorateError('invalid-config', `keys of tokens: ${reason}`, { cause: error });
    }
  }
}

function secretSigner(algorithm: string, secret: string): Signer {
  if (secret.length < 16) {
    throw new QuorateError('invalid-config', 'a secret for tokens has at least 16 characters');
  }
  const sign = (bytes: Uint8Array): Uint8Array =>
    plainBytes(
      crypto
        .createHmac(`sha${algorithm.slice(2)}`, secret)
        .update(bytes)
        .digest(),
    );
  return {
    algorithm,
    sign,
    verify: (bytes, signature) => {
      const expected = sign(bytes);
      return expected.length === signature.length && crypto.timingSafeEqual(expected, signature);
    },
  };
}
