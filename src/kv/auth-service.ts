/** Users, roles and tokens as clients know them: see `mvcc/auth-store.ts` for the rules themselves. */
import { QuorateError } from '../base/errors.ts';
import type { AuthCommand } from '../mvcc/auth-store.ts';
import type { Bcrypt } from '../ports/bcrypt.ts';
import type { Clock } from '../ports/clock.ts';
import type { Crypto } from '../ports/crypto.ts';
import type { Logger } from '../ports/logger.ts';
import type {
  Caller,
  CallOptions,
  Credentials,
  KvAuth,
  Permission,
  UserAddRequest,
} from './api.ts';
import type { KvMachine } from './machine.ts';
import { Passwords } from './passwords.ts';
import type { Proposer } from './proposer.ts';
import {
  makeJwt,
  readJwt,
  SimpleTokens,
  simpleTokenIndex,
  type TokenSigner,
  tokenSecretLetters,
} from './tokens.ts';

/** How users prove who they are, once they have given their password. */
export interface TokenOptions {
  /** Seconds. Default 300. */
  readonly ttlSeconds?: number | undefined;
  /** Makes JWTs instead of simple tokens. */
  readonly signer?: TokenSigner | undefined;
}

const TTL_SECONDS = 300;

export class AuthService implements KvAuth {
  readonly #proposer: Proposer;
  readonly #machine: KvMachine;
  readonly #clock: Clock;
  readonly #crypto: Crypto;
  readonly #logger: Logger;
  readonly #passwords: Passwords;
  readonly #tokens: SimpleTokens;
  readonly #signer: TokenSigner | undefined;
  readonly #ttlSeconds: number;
  readonly #stop: () => void;

  constructor(init: {
    readonly proposer: Proposer;
    readonly machine: KvMachine;
    readonly clock: Clock;
    readonly crypto: Crypto;
    readonly logger: Logger;
    readonly token: TokenOptions;
    readonly bcrypt?: Bcrypt | undefined;
  }) {
    const { proposer, machine, clock, crypto, logger, token, bcrypt } = init;
    this.#proposer = proposer;
    this.#machine = machine;
    this.#clock = clock;
    this.#crypto = crypto;
    this.#logger = logger;
    this.#passwords = new Passwords({ crypto, clock, bcrypt });
    this.#ttlSeconds = token.ttlSeconds ?? TTL_SECONDS;
    this.#tokens = new SimpleTokens(clock, this.#ttlSeconds);
    this.#signer = token.signer;
    this.#stop = machine.onApplied(({ command, index }) => {
      if (command.type === 'token') {
        this.#tokens.issued(`${command.secret}.${index}`, command.user);
      } else if (command.type === 'auth') this.#forget(command.command);
    });
  }

  close(): void {
    this.#stop();
  }

  identify({ token, certificateName }: Credentials): ReturnType<KvAuth['identify']> {
    const { rules } = this.#machine;
    if (!rules.enabled) return undefined;
    if (token !== undefined && token !== '') return this.#byToken(token);
    if (certificateName === undefined || certificateName === '') return undefined;
    return { user: certificateName, revision: rules.revision };
  }

  async authEnable(options: CallOptions = {}): Promise<void> {
    await this.#change({ type: 'auth-enable' }, options);
  }

  async authDisable(options: CallOptions = {}): Promise<void> {
    await this.#change({ type: 'auth-disable' }, options);
  }

  async authStatus(options: CallOptions = {}): Promise<{ enabled: boolean; authRevision: number }> {
    await this.#proposer.readIndex(options);
    const { rules } = this.#machine;
    rules.checkAdmin(options.caller);
    return { enabled: rules.enabled, authRevision: rules.revision };
  }

  async authenticate(
    { name, password }: { readonly name: string; readonly password: string },
    options: CallOptions = {},
  ): Promise<string> {
    const { rules } = this.#machine;
    await this.#proposer.readIndex(options);
    if (!rules.enabled) throw new QuorateError('auth-not-enabled', 'access control is off');
    const user = rules.user(name);
    const known = { user, users: rules.users };
    if (!(await this.#passwords.check(name, password, known))) {
      this.#logger.warn({ user: name.slice(0, 64) }, 'a wrong user name or password');
      throw new QuorateError('authentication-failed', 'wrong user name or password');
    }
    const { passwordHash } = user!;
    if (this.#signer !== undefined) {
      const expires = Math.floor(this.#clock.wallMs() / 1000) + this.#ttlSeconds;
      return makeJwt({ user: name, revision: rules.revision }, expires, this.#signer);
    }
    const secret = SimpleTokens.secret(this.#crypto.randomBytes(tokenSecretLetters));
    const command = { type: 'token', user: name, secret, passwordHash } as const;
    const index = await this.#proposer.propose<number>(command, { ...options, caller: undefined });
    return `${secret}.${index}`;
  }

  async userAdd(request: UserAddRequest, options: CallOptions = {}): Promise<void> {
    const { name, noPassword } = request;
    if (name === '') throw new QuorateError('user-name-empty', 'a user needs a name');
    await this.#refuseEarly(options);
    const passwordHash = noPassword ? new Uint8Array() : await this.#hash(request);
    await this.#change({ type: 'user-add', name, passwordHash, noPassword }, options);
  }

  async userGet(name: string, options: CallOptions = {}): Promise<readonly string[]> {
    await this.#proposer.readIndex(options);
    const { rules } = this.#machine;
    // Everybody may know what they may do.
    if (options.caller?.user === name) rules.checkUser(options.caller);
    else rules.checkAdmin(options.caller);
    const user = rules.user(name);
    if (user === undefined) throw new QuorateError('user-not-found', 'there is no such user');
    return user.roles;
  }

  async userList(options: CallOptions = {}): Promise<readonly string[]> {
    await this.#proposer.readIndex(options);
    this.#machine.rules.checkAdmin(options.caller);
    return this.#machine.rules.userNames();
  }

  async userDelete(name: string, options: CallOptions = {}): Promise<void> {
    await this.#change({ type: 'user-delete', name }, options);
  }

  async userChangePassword(
    request: Omit<UserAddRequest, 'noPassword'>,
    options: CallOptions = {},
  ): Promise<void> {
    await this.#refuseEarly(options);
    const passwordHash = await this.#hash(request);
    const { name } = request;
    await this.#change({ type: 'user-change-password', name, passwordHash }, options);
  }

  async userGrantRole(
    { user: name, role }: { readonly user: string; readonly role: string },
    options: CallOptions = {},
  ): Promise<void> {
    await this.#change({ type: 'user-grant-role', name, role }, options);
  }

  async userRevokeRole(
    { user: name, role }: { readonly user: string; readonly role: string },
    options: CallOptions = {},
  ): Promise<void> {
    await this.#change({ type: 'user-revoke-role', name, role }, options);
  }

  async roleAdd(name: string, options: CallOptions = {}): Promise<void> {
    await this.#change({ type: 'role-add', name }, options);
  }

  async roleGet(name: string, options: CallOptions = {}): Promise<readonly Permission[]> {
    await this.#proposer.readIndex(options);
    const { rules } = this.#machine;
    const { caller } = options;
    const own = caller !== undefined && (rules.user(caller.user)?.roles.includes(name) ?? false);
    if (own) rules.checkUser(caller);
    else rules.checkAdmin(caller);
    const role = rules.role(name);
    if (role === undefined) throw new QuorateError('role-not-found', 'there is no such role');
    return role.permissions;
  }

  async roleList(options: CallOptions = {}): Promise<readonly string[]> {
    await this.#proposer.readIndex(options);
    this.#machine.rules.checkAdmin(options.caller);
    return this.#machine.rules.roleNames();
  }

  async roleDelete(name: string, options: CallOptions = {}): Promise<void> {
    await this.#change({ type: 'role-delete', name }, options);
  }

  async roleGrantPermission(
    request: { readonly role: string; readonly permission: Permission | undefined },
    options: CallOptions = {},
  ): Promise<void> {
    const { role: name, permission } = request;
    await this.#change({ type: 'role-grant-permission', name, permission }, options);
  }

  async roleRevokePermission(
    request: { readonly role: string; readonly key: Uint8Array; readonly rangeEnd: Uint8Array },
    options: CallOptions = {},
  ): Promise<void> {
    const { role: name, key, rangeEnd } = request;
    await this.#change({ type: 'role-revoke-permission', name, key, rangeEnd }, options);
  }

  async #change(command: AuthCommand, options: CallOptions): Promise<void> {
    await this.#proposer.propose({ type: 'auth', command }, options);
  }

  /** Hashing costs much: nobody makes us do it who would be refused anyway. */
  async #refuseEarly(options: CallOptions): Promise<void> {
    if (!this.#machine.rules.enabled) return;
    await this.#proposer.readIndex(options);
    this.#machine.rules.checkAdmin(options.caller);
  }

  async #hash(request: Omit<UserAddRequest, 'noPassword' | 'name'>): Promise<Uint8Array> {
    if (request.hashedPassword === '') return this.#passwords.hash(request.password);
    // Kept as it is; what it was hashed with decides whether it can ever be checked here.
    try {
      return Uint8Array.from(atob(request.hashedPassword), (character) => character.charCodeAt(0));
    } catch {
      throw new QuorateError('authentication-failed', 'a hashed password that is not base64');
    }
  }

  #byToken(token: string): Caller | Promise<Caller> {
    const { rules } = this.#machine;
    if (this.#signer !== undefined) {
      return readJwt(token, this.#signer, Math.floor(this.#clock.wallMs() / 1000));
    }
    const index = simpleTokenIndex(token);
    if (index === undefined) throw new QuorateError('invalid-auth-token', 'not a token');
    const user = this.#tokens.user(token);
    if (user !== undefined) return { user, revision: rules.revision };
    if (index <= this.#machine.appliedIndex) {
      throw new QuorateError('invalid-auth-token', 'an unknown token, or one whose time is up');
    }
    return this.#awaitToken(token);
  }

  /** Another member gave this token a moment ago. */
  async #awaitToken(token: string): Promise<Caller> {
    await this.#proposer.readIndex();
    const user = this.#tokens.user(token);
    if (user === undefined) throw new QuorateError('invalid-auth-token', 'an unknown token');
    return { user, revision: this.#machine.rules.revision };
  }

  #forget(command: AuthCommand): void {
    if (command.type === 'auth-disable') this.#tokens.revoke(undefined);
    else if (command.type === 'user-delete' || command.type === 'user-change-password') {
      this.#tokens.revoke(command.name);
    }
  }
}
