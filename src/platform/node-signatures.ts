/** Signatures by Node's OpenSSL. */
import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { QuorateError } from '../base/errors.ts';
import type { Signatures, Signer, SignerKeys } from '../ports/signatures.ts';
import { plainBytes } from './plain-bytes.ts';

const kinds: Readonly<Record<string, readonly string[]>> = {
  HS: ['secret'],
  RS: ['rsa'],
  PS: ['rsa', 'rsa-pss'],
  ES: ['ec'],
  EdDSA: ['ed25519', 'ed448'],
};

export class NodeSignatures implements Signatures {
  open(keys: SignerKeys): Signer | QuorateError {
    try {
      return signerOf(keys);
    } catch (error) {
      if (error instanceof QuorateError) return error;
      const message = `the keys for ${keys.algorithm} cannot be read`;
      return new QuorateError('invalid-config', message, { cause: error });
    }
  }
}

function signerOf({ algorithm, publicKey, privateKey }: SignerKeys): Signer {
  const found = /^(?:(HS|RS|PS|ES)(256|384|512)|(EdDSA))$/.exec(algorithm);
  const family = found?.[1] ?? found?.[3];
  if (family === undefined) throw wrong(`there is no way of signing named "${algorithm}"`);
  const hash = found?.[2] === undefined ? null : `sha${found[2]}`;
  if (family === 'HS') return sharedSecret(algorithm, hash!, privateKey);
  const secret = privateKey === undefined ? undefined : createPrivateKey(privateKey);
  const open =
    publicKey === undefined ? secret && createPublicKey(secret) : createPublicKey(publicKey);
  if (open === undefined) throw wrong('neither a public nor a private key is given');
  const options = (key: KeyObject) => {
    if (family === 'ES') return { key, dsaEncoding: 'ieee-p1363' as const };
    if (family !== 'PS') return key;
    return {
      key,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    };
  };
  for (const key of [open, secret]) {
    const fits = key === undefined || kinds[family]!.includes(key.asymmetricKeyType ?? '');
    if (!fits) throw wrong(`a key is not of the kind that ${algorithm} needs`);
  }
  return {
    algorithm,
    ...(secret === undefined
      ? {}
      : { sign: (bytes: Uint8Array) => plainBytes(sign(hash, bytes, options(secret))) }),
    verify: (bytes, signature) => verify(hash, bytes, options(open), signature),
  };
}

function sharedSecret(algorithm: string, hash: string, secret: string | undefined): Signer {
  if (secret === undefined || secret.length < 16)
    throw wrong('a secret has at least 16 characters');
  const sum = (bytes: Uint8Array) => createHmac(hash, secret).update(bytes).digest();
  return {
    algorithm,
    sign: (bytes) => plainBytes(sum(bytes)),
    verify: (bytes, signature) => {
      const expected = sum(bytes);
      return expected.length === signature.length && timingSafeEqual(expected, signature);
    },
  };
}

function wrong(message: string): QuorateError {
  return new QuorateError('invalid-config', message);
}
