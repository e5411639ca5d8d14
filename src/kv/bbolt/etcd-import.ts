/**
 * Takes etcd's database over into a store of the model: the way back of `etcd-database.ts`, which has
 * the table of buckets. Of the alarms and the members nothing is taken, for the members are others.
 *
 * What a record says is not trusted more than the file's structure: whatever does not fit is refused
 * with `snapshot-damaged`.
 */
import { QuorateError } from '../../base/errors.ts';
import type { AuthPermission, AuthRole, AuthUser } from '../../mvcc/auth-table.ts';
import type { Revision } from '../../mvcc/layout.ts';
import { StateImport } from '../../mvcc/state-import.ts';
import { bcryptCost, bcryptCostMax } from '../../ports/bcrypt.ts';
import type { LayeredStore } from '../../store/layered-store.ts';
import type { BboltReader } from './bbolt-reader.ts';
import { decodeFields, type ProtoValue } from './proto-fields.ts';

/** How the state is changed on its way. */
export interface ImportOptions {
  /** By how much the revision shall be higher than in the snapshot. */
  readonly bumpRevision: number;
  /** Whether nothing before the bumped revision shall be readable. */
  readonly markCompacted: boolean;
  /** Turns access control off; users and roles stay. */
  readonly withoutAuth: boolean;
}

/** What was taken over. */
export interface ImportReport {
  readonly revision: number;
  readonly compactRevision: number;
  readonly keys: number;
  readonly records: number;
  readonly leases: number;
  readonly users: number;
  readonly authEnabled: boolean;
}

/** Records after which the import pauses for the store. */
const RECORDS_A_STEP = 500;

/**
 * Fills an empty store; pauses now and then, so that its caller can let the store write.
 * @throws QuorateError `snapshot-damaged`; `invalid-auth-management` where nobody could log in
 */
export function* importDatabase(
  database: BboltReader,
  store: LayeredStore,
  options: ImportOptions,
): Generator<undefined, ImportReport> {
  const compactRevision = compactRevisionOf(database);
  const target = new StateImport(store, compactRevision);
  let leases = 0;
  for (const { value } of database.bucket('lease')) {
    target.lease(readLease(value));
    if (++leases % RECORDS_A_STEP === 0) yield;
  }
  let records = 0;
  for (const { key, value } of database.bucket('key')) {
    importRecord(target, key, value);
    if (++records % RECORDS_A_STEP === 0) yield;
  }
  const rules = readRules(database, options.withoutAuth);
  if (rules.users.length + rules.roles.length > 0 || rules.revision > 1) target.rules(rules);
  const { bumpRevision: by, markCompacted } = options;
  const { revision, keys } = target.finish({ by, markCompacted });
  return {
    revision,
    compactRevision: markCompacted ? revision : compactRevision,
    keys,
    records,
    leases,
    users: rules.users.length,
    authEnabled: rules.enabled,
  };
}

/** The revision of a record's key, and whether it is a deletion. */
export function readRevisionKey(key: Uint8Array): Revision & { readonly deleted: boolean } {
  const deleted = key.length === 18 && key[17] === 0x74;
  if ((key.length !== 17 && !deleted) || key[8] !== 0x5f)
    throw damaged('a revision has no such form');
  const view = new DataView(key.buffer, key.byteOffset, key.length);
  const main = Number(view.getBigUint64(0));
  const sub = Number(view.getBigUint64(9));
  if (!Number.isSafeInteger(main) || sub >= 2 ** 32) throw damaged('a revision is impossibly high');
  return { main, sub, deleted };
}

function importRecord(target: StateImport, at: Uint8Array, value: Uint8Array): void {
  const { main, sub, deleted } = readRevisionKey(at);
  const fields = fieldsOf(value);
  const key = bytesOf(fields.get(1));
  if (key.length === 0) throw damaged('a record has no key');
  if (deleted) {
    const state = { deleted: true, createRevision: 0, version: 0, lease: 0n };
    return target.change({ main, sub }, key, new Uint8Array(0), state);
  }
  const createRevision = numberOf(fields.get(2));
  const version = numberOf(fields.get(4));
  const fits = numberOf(fields.get(3)) === main && createRevision <= main && version > 0;
  if (!fits) throw damaged(`the record of revision ${main} belongs to another one`);
  const lease = fields.get(6) ?? 0n;
  if (typeof lease !== 'bigint') throw damaged('a lease is no number');
  target.change({ main, sub }, key, bytesOf(fields.get(5)), {
    deleted: false,
    createRevision,
    version,
    lease,
  });
}

/** What is to be compacted counts as compacted: the rest of the work is done by the new members. */
function compactRevisionOf(database: BboltReader): number {
  let compactRevision = -1;
  for (const { key, value } of database.bucket('meta')) {
    const name = textOf(key);
    if (name !== 'scheduledCompactRev' && name !== 'finishedCompactRev') continue;
    compactRevision = Math.max(compactRevision, readRevisionKey(value).main);
  }
  return compactRevision;
}

function readLease(value: Uint8Array): {
  id: bigint;
  ttlSeconds: number;
  remainingSeconds: number;
} {
  const fields = fieldsOf(value);
  const id = fields.get(1) ?? 0n;
  if (typeof id !== 'bigint') throw damaged('a lease has no id');
  return { id, ttlSeconds: numberOf(fields.get(2)), remainingSeconds: numberOf(fields.get(3)) };
}

function readRules(
  database: BboltReader,
  withoutAuth: boolean,
): { enabled: boolean; revision: number; users: AuthUser[]; roles: AuthRole[] } {
  let enabled = false;
  let revision = 1;
  for (const { key, value } of database.bucket('auth')) {
    if (textOf(key) === 'authEnabled') enabled = value[0] === 1;
    if (textOf(key) === 'authRevision' && value.length === 8) {
      revision = Number(new DataView(value.buffer, value.byteOffset).getBigUint64(0));
    }
  }
  if (!Number.isSafeInteger(revision)) throw damaged('the revision of its rules is too high');
  const users = Array.from(database.bucket('authUsers'), ({ value }) => readUser(value));
  const roles = Array.from(database.bucket('authRoles'), ({ value }) => readRole(value));
  if (enabled && !withoutAuth) {
    const foreign = users.filter(({ passwordHash }) => isForeign(passwordHash));
    if (foreign.length > 0) {
      const names = foreign.map(({ name }) => name).join(', ');
      throw new QuorateError(
        'invalid-auth-management',
        `access control is on, and the passwords of ${names} are hashed in a way, or at a cost, that is not checked here: restore with access control off, give new passwords, and turn it on`,
      );
    }
  }
  return { enabled: enabled && !withoutAuth, revision, users, roles };
}

/** Of etcd's, and not to be checked here. */
function isForeign(passwordHash: Uint8Array): boolean {
  const cost = bcryptCost(passwordHash);
  return passwordHash[0] === 0x24 && (cost === undefined || cost > bcryptCostMax);
}

function readUser(value: Uint8Array): AuthUser {
  let name = '';
  let passwordHash: Uint8Array = new Uint8Array(0);
  let noPassword = false;
  const roles: string[] = [];
  for (const [number, field] of fieldsIn(value)) {
    if (number === 1) name = textOf(bytesOf(field));
    else if (number === 2) passwordHash = bytesOf(field).slice();
    else if (number === 3) roles.push(textOf(bytesOf(field)));
    else if (number === 4) noPassword = fieldsOf(bytesOf(field)).get(1) === 1n;
  }
  checkName(name);
  return { name, passwordHash, noPassword, roles };
}

function readRole(value: Uint8Array): AuthRole {
  let name = '';
  const permissions: AuthPermission[] = [];
  for (const [number, field] of fieldsIn(value)) {
    if (number === 1) name = textOf(bytesOf(field));
    else if (number === 2) permissions.push(readPermission(bytesOf(field)));
  }
  checkName(name);
  return { name, permissions };
}

function readPermission(value: Uint8Array): AuthPermission {
  const fields = fieldsOf(value);
  const type = (['read', 'write', 'read-write'] as const)[numberOf(fields.get(1))];
  if (type === undefined) throw damaged('there is no such permission');
  return { type, key: bytesOf(fields.get(2)).slice(), rangeEnd: bytesOf(fields.get(3)).slice() };
}

/** A name is part of a key of the store. */
function checkName(name: string): void {
  const { length } = new TextEncoder().encode(name);
  if (length === 0 || length > 1024) throw damaged('a user or a role has an impossible name');
}

function fieldsOf(bytes: Uint8Array): Map<number, ProtoValue> {
  return new Map(fieldsIn(bytes));
}

function* fieldsIn(bytes: Uint8Array): Generator<readonly [number, ProtoValue]> {
  try {
    yield* decodeFields(bytes);
  } catch (error) {
    if (error instanceof QuorateError && error.code === 'malformed-message') {
      throw damaged(error.message);
    }
    throw error;
  }
}

function bytesOf(value: ProtoValue | undefined): Uint8Array {
  if (value === undefined) return new Uint8Array(0);
  if (typeof value === 'bigint') throw damaged('a number stands where a text belongs');
  return value;
}

function numberOf(value: ProtoValue | undefined): number {
  if (value === undefined) return 0;
  const number = Number(value);
  if (typeof value !== 'bigint' || number < 0 || !Number.isSafeInteger(number)) {
    throw damaged('a number is out of range');
  }
  return number;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function damaged(what: string): QuorateError {
  return new QuorateError('snapshot-damaged', `the etcd snapshot cannot be read: ${what}`);
}
