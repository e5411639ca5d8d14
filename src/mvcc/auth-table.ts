/**
 * How the rules of access lie in the store: a row for the facts, one for each user and each role.
 */
import { type ByteReader, ByteWriter } from '../base/binary.ts';

export type PermissionType = 'read' | 'write' | 'read-write';

export interface AuthPermission {
  readonly type: PermissionType;
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

export interface AuthUser {
  readonly name: string;
  /** Empty: the user cannot log in by password. */
  readonly passwordHash: Uint8Array;
  readonly noPassword: boolean;
  /** Sorted. */
  readonly roles: readonly string[];
}

export interface AuthRole {
  readonly name: string;
  /** Sorted by key and range end. */
  readonly permissions: readonly AuthPermission[];
}

/** Where the rules are kept; what is written belongs to the command that is being applied. */
export interface AuthTable {
  range(range: {
    readonly from: Uint8Array;
    readonly to: Uint8Array;
  }): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>;
  put(key: Uint8Array, value: Uint8Array): void;
  remove(key: Uint8Array): void;
}

/** The first byte of the keys of this table; what follows it says what the row holds. */
export const authKeyPrefix = 0xe0;
export const authRows = { facts: 0, user: 1, role: 2 } as const;
const permissionTypes: readonly PermissionType[] = ['read', 'write', 'read-write'];

export function authRowKey(row: number, name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  const key = new Uint8Array(2 + bytes.length);
  key[0] = authKeyPrefix;
  key[1] = row;
  key.set(bytes, 2);
  return key;
}

export function encodeAuthFacts(facts: {
  readonly enabled: boolean;
  readonly revision: number;
}): Uint8Array {
  return new ByteWriter(16).flag(facts.enabled).number(facts.revision).finish();
}

export function encodeUser({ passwordHash, noPassword, roles }: AuthUser): Uint8Array {
  const writer = new ByteWriter().bytes(passwordHash).flag(noPassword).number(roles.length);
  for (const role of roles) writer.bytes(new TextEncoder().encode(role));
  return writer.finish();
}

export function decodeUser(name: string, reader: ByteReader): AuthUser {
  const passwordHash = reader.bytes().slice();
  const noPassword = reader.flag();
  const roles = Array.from({ length: reader.count(1) }, () =>
    new TextDecoder().decode(reader.bytes()),
  );
  return { name, passwordHash, noPassword, roles };
}

export function encodeRole({ permissions }: AuthRole): Uint8Array {
  const writer = new ByteWriter().number(permissions.length);
  for (const { type, key, rangeEnd } of permissions) {
    writer.byte(permissionTypes.indexOf(type)).bytes(key).bytes(rangeEnd);
  }
  return writer.finish();
}

export function decodeRole(name: string, reader: ByteReader): AuthRole {
  const permissions = Array.from({ length: reader.count(3) }, () => {
    const type = permissionTypes[reader.byte()]!;
    return { type, key: reader.bytes().slice(), rangeEnd: reader.bytes().slice() };
  });
  return { name, permissions };
}
