/** Signatures under tokens (RFC 7518): made and checked by one pinned algorithm. */

/** Algorithms of JWTs that may be chosen; `none` is not among them. */
export const signatureAlgorithms: readonly string[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'HS256', 'HS384', 'HS512'],
];

/** What signs and verifies by one algorithm and key. */
export interface Signer {
  readonly algorithm: string;
  /** Only where the private key is there. */
  sign?(bytes: Uint8Array): Uint8Array;
  verify(bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** What a signer is made of: keys as PEM text, or the secret itself for `HS…`. */
export interface SignerInput {
  readonly algorithm: string;
  readonly publicKey?: string;
  readonly privateKey?: string;
}

/** Makes signers. */
export interface Signing {
  /** Throws `invalid-config` for an unknown algorithm, or a key that is none or of another kind. */
  signer(input: SignerInput): Signer;
}
