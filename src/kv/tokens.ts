/**
 * Tokens that stand for a user. A simple one is random letters and the index at which every member
 * learned of it: a member that has not come so far waits a moment. It ends when it was not used for
 * its time, which each member measures for itself. A JWT (RFC 7519) carries all that in itself, signed.
 */
import { QuorateError } from '../base/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Caller } from './api.ts';

/** Signs and checks; the algorithm is pinned by whoever makes it. */
export interface TokenSigner {
  /** As in a JWT's header; never `none`. */
  readonly algorithm: string;
  /** Where only the public key is known, nobody can be given a token here. */
  sign?(bytes: Uint8Array): Uint8Array;
  verify(bytes: Uint8Array, signature: Uint8Array): boolean;
}

const TOKENS_MAX = 100_000;
const simpleForm = /^[A-Za-z]{16}\.(\d{1,15})$/;
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
export const tokenSecretLetters = 16;

interface Issued {
  readonly user: string;
  usedMs: number;
}

export class SimpleTokens {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  /** By the time of their last use, the oldest first. */
  readonly #issued = new Map<string, Issued>();

  constructor(clock: Clock, ttlSeconds: number) {
    this.#clock = clock;
    this.#ttlMs = ttlSeconds * 1000;
  }

  /** The secret part; 16 random bytes, of which each makes one of 52 letters. */
  static secret(random: Uint8Array): string {
    return Array.from(random, (byte) => letters[byte % letters.length]).join('');
  }

  /** Every member does this where the command is applied. */
  issued(token: string, user: string): void {
    this.#forgetOld();
    if (this.#issued.size >= TOKENS_MAX) {
      const [oldest] = this.#issued.keys();
      this.#issued.delete(oldest!);
    }
    this.#issued.set(token, { user, usedMs: this.#clock.monotonicMs() });
  }

  user(token: string): string | undefined {
    const issued = this.#issued.get(token);
    if (issued === undefined) return undefined;
    const nowMs = this.#clock.monotonicMs();
    this.#issued.delete(token);
    if (nowMs - issued.usedMs > this.#ttlMs) return undefined;
    issued.usedMs = nowMs;
    this.#issued.set(token, issued);
    return issued.user;
  }

  /** A user was removed, or has another password; undefined: access control was switched off. */
  revoke(user: string | undefined): void {
    for (const [token, issued] of this.#issued) {
      if (user === undefined || issued.user === user) this.#issued.delete(token);
    }
  }

  #forgetOld(): void {
    const beforeMs = this.#clock.monotonicMs() - this.#ttlMs;
    for (const [token, { usedMs }] of this.#issued) {
      if (usedMs >= beforeMs) return;
      this.#issued.delete(token);
    }
  }
}

/** The index at which a simple token was given; undefined for what is none. */
export function simpleTokenIndex(token: string): number | undefined {
  const found = simpleForm.exec(token);
  return found === null ? undefined : Number(found[1]);
}

/** @throws QuorateError `invalid-auth-token` */
export function readJwt(token: string, signer: TokenSigner, nowSeconds: number): Caller {
  const parts = token.split('.');
  const [head = '', body = '', signature = ''] = parts;
  const header = parts.length === 3 ? json(head) : undefined;
  // The token does not choose how it is checked.
  if (header?.alg !== signer.algorithm) throw invalid('of another algorithm');
  const signed = new TextEncoder().encode(`${head}.${body}`);
  const bytes = fromBase64Url(signature);
  if (bytes === undefined || !signer.verify(signed, bytes)) throw invalid('with a wrong signature');
  const claims = json(body);
  const user = claims?.username;
  const revision = claims?.revision;
  const expires = claims?.exp;
  if (typeof user !== 'string' || typeof revision !== 'number' || typeof expires !== 'number') {
    throw invalid('without user, revision or end');
  }
  if (expires <= nowSeconds) throw invalid('whose time is up');
  return { user, revision };
}

/** @throws QuorateError `invalid-auth-token` where there is no private key */
export function makeJwt(caller: Caller, expiresSeconds: number, signer: TokenSigner): string {
  if (signer.sign === undefined) throw invalid('cannot be signed here: no private key is given');
  const head = toBase64Url(encodeJson({ alg: signer.algorithm, typ: 'JWT' }));
  const claims = { username: caller.user, revision: caller.revision, exp: expiresSeconds };
  const signed = `${head}.${toBase64Url(encodeJson(claims))}`;
  return `${signed}.${toBase64Url(signer.sign(new TextEncoder().encode(signed)))}`;
}

function invalid(why: string): QuorateError {
  return new QuorateError('invalid-auth-token', `a token ${why}`);
}

/** The fields of a header or of claims that matter here, unchecked. */
interface JwtPart {
  readonly alg?: unknown;
  readonly username?: unknown;
  readonly revision?: unknown;
  readonly exp?: unknown;
}

function json(part: string): JwtPart | undefined {
  const bytes = fromBase64Url(part);
  if (bytes === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function toBase64Url(bytes: Uint8Array): string {
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  return text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function fromBase64Url(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined;
  try {
    const decoded = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    return Uint8Array.from(decoded, (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
