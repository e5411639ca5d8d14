/**
 * Passwords: hashed with scrypt before anything is replicated, compared in constant time, and checked
 * at the same cost whether or not there is such a user. Users that came from an etcd have hashes of
 * bcrypt until they change their passwords, and are checked by that. A password that was right is remembered, as a
 * keyed digest that only this process can make, so that a client that logs in often costs little.
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { QuorateError } from '../base/errors.ts';
import type { AuthUser } from '../mvcc/auth-table.ts';
import { type Bcrypt, bcryptCost, bcryptCostMax } from '../ports/bcrypt.ts';
import type { Answer } from '../ports/callbacks.ts';
import type { Clock } from '../ports/clock.ts';
import type { Crypto } from '../ports/crypto.ts';

/** RFC 7914's suggestion for logging in by hand: 16 MiB and some tens of ms. */
const scryptCost = { cost: 2 ** 14, blockSize: 8, parallelization: 1, hashBytes: 32 };
const FORMAT = 1;
const saltBytes = 16;
/** scrypt runs on the pool's threads, which the disk needs too. */
const RUNNING_MAX = 2;
const WAITING_MAX = 256;
const REMEMBERED_MAX = 1000;
/** Wrong passwords of one name in {@link FAILURES_WITHIN_MS}; beyond it they are not looked at. */
const FAILURES_MAX = 20;
const FAILURES_WITHIN_MS = 10_000;
const NAMES_MAX = 10_000;

interface Remembered {
  readonly hash: Uint8Array;
  readonly digest: Uint8Array;
}

export class Passwords {
  readonly #crypto: Crypto;
  readonly #clock: Clock;
  readonly #key: Uint8Array;
  readonly #remembered = new Map<string, Remembered>();
  readonly #failures = new Map<string, { count: number; sinceMs: number }>();
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #dummy: Uint8Array;
  readonly #bcrypt: Bcrypt | undefined;

  constructor({
    crypto,
    clock,
    bcrypt,
  }: {
    readonly crypto: Crypto;
    readonly clock: Clock;
    /** Without it, users that came from an etcd cannot log in. */
    readonly bcrypt?: Bcrypt | undefined;
  }) {
    this.#bcrypt = bcrypt;
    this.#crypto = crypto;
    this.#clock = clock;
    this.#key = crypto.randomBytes(32);
    this.#dummy = encodeHash(crypto.randomBytes(saltBytes), crypto.randomBytes(32));
  }

  /** @throws QuorateError `too-many-attempts` */
  async hash(password: string): Promise<Uint8Array> {
    const salt = this.#crypto.randomBytes(saltBytes);
    return encodeHash(salt, await this.#scrypt(password, salt));
  }

  /**
   * Whether it is that user's password.
   * @param users all of them: an unknown name is checked at the cost of one of theirs
   * @throws QuorateError `too-many-attempts`
   */
  async check(
    name: string,
    password: string,
    { user, users }: { readonly user: AuthUser | undefined; readonly users: Iterable<AuthUser> },
  ): Promise<boolean> {
    const digest = this.#crypto.hmacSha256(this.#key, new TextEncoder().encode(password));
    const known = this.#remembered.get(name);
    if (known !== undefined && known.hash === user?.passwordHash) {
      if (this.#crypto.equal(known.digest, digest)) return true;
    }
    this.#checkFailures(name);
    const usable = user !== undefined && !user.noPassword && this.#isHash(user.passwordHash);
    const same = await this.#fits(password, usable ? user.passwordHash : this.#likely(users));
    if (!same || !usable) {
      this.#failed(name);
      return false;
    }
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    this.#remembered.set(name, { hash: user.passwordHash, digest });
    return true;
  }

  /** Whether hashes of this form are checked here. */
  #isHash(hash: Uint8Array): boolean {
    const cost = bcryptCost(hash);
    if (cost === undefined) return isScrypt(hash);
    return this.#bcrypt !== undefined && cost <= bcryptCostMax;
  }

  /** A hash that takes as long as that of a user would; while etcd's are there, of their kind. */
  #likely(users: Iterable<AuthUser>): Uint8Array {
    for (const { passwordHash } of users) {
      if (bcryptCost(passwordHash) !== undefined && this.#isHash(passwordHash)) return passwordHash;
    }
    return this.#dummy;
  }

  async #fits(password: string, stored: Uint8Array): Promise<boolean> {
    if (bcryptCost(stored) === undefined) {
      const { salt, hash } = decodeHash(stored);
      return this.#crypto.equal(await this.#scrypt(password, salt), hash);
    }
    const text = new TextDecoder().decode(stored);
    return this.#oneOfFew<boolean>((answer) => this.#bcrypt!.matches(password, text, answer));
  }

  #checkFailures(name: string): void {
    const failures = this.#failures.get(name);
    if (failures === undefined) return;
    if (this.#clock.monotonicMs() - failures.sinceMs > FAILURES_WITHIN_MS) {
      this.#failures.delete(name);
    } else if (failures.count >= FAILURES_MAX) {
      throw new QuorateError('too-many-attempts', 'too many wrong passwords for this name');
    }
  }

  #failed(name: string): void {
    const failures = this.#failures.get(name);
    if (failures !== undefined) failures.count++;
    else {
      if (this.#failures.size >= NAMES_MAX) this.#failures.clear();
      this.#failures.set(name, { count: 1, sinceMs: this.#clock.monotonicMs() });
    }
  }

  #scrypt(password: string, salt: Uint8Array): Promise<Uint8Array> {
    const input = { ...scryptCost, salt, password: new TextEncoder().encode(password) };
    return this.#oneOfFew((answer) => this.#crypto.scrypt(input, answer));
  }

  /** @throws QuorateError `too-many-attempts` */
  async #oneOfFew<Value>(ask: (answer: Answer<Value>) => void): Promise<Value> {
    if (this.#running >= RUNNING_MAX) {
      if (this.#waiting.length >= WAITING_MAX) {
        throw new QuorateError('too-many-attempts', 'too many passwords are being checked');
      }
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    }
    this.#running++;
    try {
      return await new Promise<Value>((resolve, reject) => {
        ask((answer) => (answer instanceof QuorateError ? reject(answer) : resolve(answer)));
      });
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }
}

function encodeHash(salt: Uint8Array, hash: Uint8Array): Uint8Array {
  return new ByteWriter(64).byte(FORMAT).bytes(salt).bytes(hash).finish().slice();
}

function decodeHash(bytes: Uint8Array): { salt: Uint8Array; hash: Uint8Array } {
  const reader = new ByteReader(bytes);
  reader.byte();
  return { salt: reader.bytes(), hash: reader.bytes() };
}

function isScrypt(bytes: Uint8Array): boolean {
  return bytes.length === 3 + saltBytes + scryptCost.hashBytes && bytes[0] === FORMAT;
}
