/** Signatures of tokens that others can check without asking: the algorithms of JWTs (RFC 7518, 3). */
import type { QuorateError } from '../base/errors.ts';

/** Signs and checks with one key and one algorithm, which is pinned: what is signed has no say in it. */
export interface Signer {
  /** Its name in a JWT's header; never `none`. */
  readonly algorithm: string;
  /** Not there where only the public key is known. */
  sign?(bytes: Uint8Array): Uint8Array;
  verify(bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** Keys as PEM; for HS256, HS384 and HS512 the private one is the shared secret as it is. */
export interface SignerKeys {
  readonly algorithm: string;
  readonly publicKey: string | undefined;
  readonly privateKey: string | undefined;
}

export interface Signatures {
  /** `invalid-config`: an unknown algorithm, or keys that do not fit it. */
  open(keys: SignerKeys): Signer | QuorateError;
}
