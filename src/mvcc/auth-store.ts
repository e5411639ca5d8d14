/**
 * Users, roles and what they may do: etcd's rules of access, as part of the replicated state. Every
 * change raises the revision of the rules, so that a request that was let in under older rules can
 * be refused when it is applied.
 *
 * The rules are few and asked at every request: they are held in memory, and each change is written
 * through to the table below as it is made. Passwords arrive here hashed. The user and the role
 * `root` may do everything, and cannot be taken away while access control is on.
 */
import { ByteReader } from '../base/binary.ts';
import { compareBytes } from '../base/compare-bytes.ts';
import { type ErrorCode, QuorateError } from '../base/errors.ts';
import {
  type AuthPermission,
  type AuthRole,
  type AuthTable,
  type AuthUser,
  authKeyPrefix,
  authRowKey,
  authRows,
  decodeRole,
  decodeUser,
  encodeAuthFacts,
  encodeRole,
  encodeUser,
  type PermissionType,
} from './auth-table.ts';
import { KeyIntervals, keyInterval } from './key-intervals.ts';

/** A change of the rules, as it is replicated. */
export type AuthCommand =
  | { readonly type: 'auth-enable' }
  | { readonly type: 'auth-disable' }
  | {
      readonly type: 'user-add';
      readonly name: string;
      readonly passwordHash: Uint8Array;
      readonly noPassword: boolean;
    }
  | { readonly type: 'user-delete'; readonly name: string }
  | {
      readonly type: 'user-change-password';
      readonly name: string;
      readonly passwordHash: Uint8Array;
    }
  | { readonly type: 'user-grant-role'; readonly name: string; readonly role: string }
  | { readonly type: 'user-revoke-role'; readonly name: string; readonly role: string }
  | { readonly type: 'role-add'; readonly name: string }
  | { readonly type: 'role-delete'; readonly name: string }
  | {
      readonly type: 'role-grant-permission';
      readonly name: string;
      readonly permission: AuthPermission | undefined;
    }
  | {
      readonly type: 'role-revoke-permission';
      readonly name: string;
      readonly key: Uint8Array;
      readonly rangeEnd: Uint8Array;
    };

/** Who asks, and under which revision of the rules they were let in. */
export interface AuthIdentity {
  readonly user: string;
  readonly revision: number;
}

/** The name of the user and of the role that may do everything. */
export const ROOT = 'root';

/** Names are parts of keys, which are limited. */
export const authNameBytesMax = 1024;

interface Granted {
  readonly root: boolean;
  readonly read: KeyIntervals;
  readonly write: KeyIntervals;
}

export class AuthStore {
  readonly #table: AuthTable;
  #enabled = false;
  #revision = 1;
  #users = new Map<string, AuthUser>();
  #roles = new Map<string, AuthRole>();
  /** What users may do, worked out when first asked for after a change. */
  readonly #granted = new Map<string, Granted>();

  constructor(table: AuthTable) {
    this.#table = table;
    this.load();
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  /** Raised by every change of the rules; 1 at first. */
  get revision(): number {
    return this.#revision;
  }

  get users(): Iterable<AuthUser> {
    return this.#users.values();
  }

  user(name: string): AuthUser | undefined {
    return this.#users.get(name);
  }

  role(name: string): AuthRole | undefined {
    return this.#roles.get(name);
  }

  /** Sorted. */
  userNames(): readonly string[] {
    return [...this.#users.keys()].sort(compareNames);
  }

  /** Sorted. */
  roleNames(): readonly string[] {
    return [...this.#roles.keys()].sort(compareNames);
  }

  /** Takes the rules from the table anew, which was replaced. */
  load(): void {
    this.#enabled = false;
    this.#revision = 1;
    this.#users = new Map();
    this.#roles = new Map();
    this.#granted.clear();
    const range = { from: Uint8Array.of(authKeyPrefix), to: Uint8Array.of(authKeyPrefix + 1) };
    for (const { key, value } of this.#table.range(range)) {
      const reader = new ByteReader(value);
      const name = new TextDecoder().decode(key.subarray(2));
      if (key[1] === authRows.facts) {
        this.#enabled = reader.flag();
        this.#revision = reader.number();
      } else if (key[1] === authRows.user) this.#users.set(name, decodeUser(name, reader));
      else this.#roles.set(name, decodeRole(name, reader));
    }
  }

  /** Changes the rules. @throws QuorateError the refusals that etcd has; nothing is changed then */
  apply(command: AuthCommand): void {
    switch (command.type) {
      case 'auth-enable':
        return this.#enable();
      case 'auth-disable':
        if (!this.#enabled) return;
        this.#enabled = false;
        return this.#changed();
      case 'user-add':
        return this.#userAdd(command);
      case 'user-delete':
        return this.#userDelete(command.name);
      case 'user-change-password':
        return this.#changePassword(command.name, command.passwordHash);
      case 'user-grant-role':
        return this.#userGrantRole(command.name, command.role);
      case 'user-revoke-role':
        return this.#userRevokeRole(command.name, command.role);
      case 'role-add':
        return this.#roleAdd(command.name);
      case 'role-delete':
        return this.#roleDelete(command.name);
      case 'role-grant-permission':
        return this.#grant(command.name, command.permission);
      case 'role-revoke-permission':
        return this.#revoke(command.name, command.key, command.rangeEnd);
    }
  }

  /** @throws QuorateError `user-name-empty`, `auth-revision-old`, `access-denied` */
  checkUser(identity: AuthIdentity | undefined): void {
    if (!this.#enabled) return;
    if (identity === undefined || identity.user === '') refuse('user-name-empty');
    if (identity.revision < this.#revision) refuse('auth-revision-old');
    if (!this.#users.has(identity.user)) refuse('access-denied');
  }

  /** May this one do what only administrators may? @throws as {@link AuthStore.checkUser} */
  checkAdmin(identity: AuthIdentity | undefined): void {
    this.checkUser(identity);
    if (this.#enabled && !this.isRoot(identity!.user)) refuse('access-denied');
  }

  /** May this one read, or write, all of that range? @throws as {@link AuthStore.checkUser} */
  checkRange(
    identity: AuthIdentity | undefined,
    access: 'read' | 'write',
    { key, rangeEnd }: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array },
  ): void {
    if (!this.#enabled) return;
    this.checkUser(identity);
    const granted = this.#grantedTo(identity!.user);
    if (granted.root) return;
    // An empty range shows nothing, but asks about its first key.
    const interval = keyInterval(key, rangeEnd) ?? keyInterval(key, new Uint8Array());
    if (!granted[access].covers(interval!)) refuse('access-denied');
  }

  isRoot(user: string): boolean {
    return this.#users.get(user)?.roles.includes(ROOT) ?? false;
  }

  #enable(): void {
    if (this.#enabled) return;
    const root = this.#users.get(ROOT);
    if (root === undefined) refuse('root-user-missing');
    if (!root.roles.includes(ROOT)) refuse('root-role-missing');
    this.#enabled = true;
    this.#writeFacts();
  }

  #userAdd(command: AuthCommand & { type: 'user-add' }): void {
    const { name, passwordHash, noPassword } = command;
    if (name === '') refuse('user-name-empty');
    checkName(name);
    if (this.#users.has(name)) refuse('user-exists');
    this.#setUser({ name, passwordHash, noPassword, roles: [] });
    this.#changed();
  }

  #userDelete(name: string): void {
    if (this.#enabled && name === ROOT) refuse('invalid-auth-management');
    this.#knownUser(name);
    this.#users.delete(name);
    this.#table.remove(authRowKey(authRows.user, name));
    this.#changed();
  }

  #changePassword(name: string, passwordHash: Uint8Array): void {
    const user = this.#knownUser(name);
    this.#setUser({ ...user, passwordHash: user.noPassword ? new Uint8Array() : passwordHash });
    this.#changed();
  }

  #userGrantRole(name: string, role: string): void {
    const user = this.#knownUser(name);
    if (role !== ROOT && !this.#roles.has(role)) refuse('role-not-found');
    if (user.roles.includes(role)) return;
    this.#setUser({ ...user, roles: [...user.roles, role].sort(compareNames) });
    this.#changed();
  }

  #userRevokeRole(name: string, role: string): void {
    if (this.#enabled && name === ROOT && role === ROOT) refuse('invalid-auth-management');
    const user = this.#knownUser(name);
    if (!user.roles.includes(role)) refuse('role-not-granted');
    this.#setUser({ ...user, roles: user.roles.filter((each) => each !== role) });
    this.#changed();
  }

  #roleAdd(name: string): void {
    if (name === '') refuse('role-name-empty');
    checkName(name);
    if (this.#roles.has(name)) refuse('role-exists');
    this.#setRole({ name, permissions: [] });
    this.#changed();
  }

  #roleDelete(name: string): void {
    if (this.#enabled && name === ROOT) refuse('invalid-auth-management');
    this.#knownRole(name);
    this.#roles.delete(name);
    this.#table.remove(authRowKey(authRows.role, name));
    for (const user of [...this.#users.values()]) {
      if (!user.roles.includes(name)) continue;
      this.#setUser({ ...user, roles: user.roles.filter((each) => each !== name) });
    }
    this.#changed();
  }

  #grant(name: string, permission: AuthPermission | undefined): void {
    if (permission === undefined) refuse('permission-not-given');
    const { key, rangeEnd } = permission;
    if (key.length === 0 || keyInterval(key, rangeEnd) === undefined) {
      refuse('invalid-auth-management');
    }
    const role = this.#knownRole(name);
    const others = role.permissions.filter((each) => !sameRange(each, permission));
    const permissions = [...others, permission].sort(
      (a, b) => compareBytes(a.key, b.key) || compareBytes(a.rangeEnd, b.rangeEnd),
    );
    this.#setRole({ name, permissions });
    this.#changed();
  }

  #revoke(name: string, key: Uint8Array, rangeEnd: Uint8Array): void {
    const role = this.#knownRole(name);
    const permissions = role.permissions.filter((each) => !sameRange(each, { key, rangeEnd }));
    if (permissions.length === role.permissions.length) refuse('permission-not-granted');
    this.#setRole({ name, permissions });
    this.#changed();
  }

  #knownUser(name: string): AuthUser {
    return this.#users.get(name) ?? refuse('user-not-found');
  }

  #knownRole(name: string): AuthRole {
    return this.#roles.get(name) ?? refuse('role-not-found');
  }

  #grantedTo(name: string): Granted {
    const known = this.#granted.get(name);
    if (known !== undefined) return known;
    const roles = this.#users.get(name)?.roles ?? [];
    const permissions = roles.flatMap((role) => this.#roles.get(role)?.permissions ?? []);
    const those = (without: PermissionType): KeyIntervals => {
      const fitting = permissions.filter(({ type }) => type !== without);
      return new KeyIntervals(
        fitting.flatMap(({ key, rangeEnd }) => keyInterval(key, rangeEnd) ?? []),
      );
    };
    const granted = { root: roles.includes(ROOT), read: those('write'), write: those('read') };
    this.#granted.set(name, granted);
    return granted;
  }

  #setUser(user: AuthUser): void {
    this.#users.set(user.name, user);
    this.#table.put(authRowKey(authRows.user, user.name), encodeUser(user));
  }

  #setRole(role: AuthRole): void {
    this.#roles.set(role.name, role);
    this.#table.put(authRowKey(authRows.role, role.name), encodeRole(role));
  }

  #changed(): void {
    this.#revision++;
    this.#granted.clear();
    this.#writeFacts();
  }

  #writeFacts(): void {
    const facts = encodeAuthFacts({ enabled: this.#enabled, revision: this.#revision });
    this.#table.put(authRowKey(authRows.facts, ''), facts);
  }
}

function refuse(code: ErrorCode): never {
  throw new QuorateError(code, `access control: ${code}`);
}

/** A name is part of a key of the table. */
function checkName(name: string): void {
  if (new TextEncoder().encode(name).length > authNameBytesMax) refuse('invalid-auth-management');
}

function compareNames(a: string, b: string): number {
  return compareBytes(new TextEncoder().encode(a), new TextEncoder().encode(b));
}

function sameRange(
  a: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array },
  b: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array },
): boolean {
  return compareBytes(a.key, b.key) === 0 && compareBytes(a.rangeEnd, b.rangeEnd) === 0;
}
