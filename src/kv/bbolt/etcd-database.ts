/**
 * The state as etcd has it in its database: which buckets there are, and what lies in them. So a
 * snapshot of ours can be restored into an etcd cluster, all revisions and leases kept.
 *
 * | Bucket | Key | Value |
 * |---|---|---|
 * | key | revision: main and sub, 8 bytes each, `_` between, `t` behind a deletion | mvccpb.KeyValue |
 * | lease | id, 8 bytes | leasepb.Lease |
 * | meta | consistent_index, term, storageVersion, scheduledCompactRev, finishedCompactRev | |
 * | auth, authUsers, authRoles | authEnabled, authRevision; names | authpb.User, authpb.Role |
 * | alarm | etcdserverpb.AlarmMember | nothing |
 * | members, members_removed, cluster | left empty: whoever restores makes a cluster anew | |
 */
import type { AuthStore } from '../../mvcc/auth-store.ts';
import type { AuthPermission } from '../../mvcc/auth-table.ts';
import type { Alarm } from '../../mvcc/facts.ts';
import { etcdKeyValue, etcdRevisionKey } from '../../mvcc/hash-kv.ts';
import { leaseBytes } from '../../mvcc/layout.ts';
import type { ModelSnapshot } from '../../mvcc/model-snapshot.ts';
import type { BucketSource } from './bbolt-writer.ts';
import { encodeFields, type ProtoValue } from './proto-fields.ts';

type Entry = { readonly key: Uint8Array; readonly value: Uint8Array };

/** What goes into the database beside what the model's snapshot holds. */
export interface DatabaseFacts {
  readonly appliedIndex: number;
  readonly term: number;
  /** Whether something that was compacted has yet to be removed. */
  readonly compacting: boolean;
  readonly alarms: readonly Alarm[];
  readonly rules: AuthStore;
}

/** Of which etcd's database this is; later ones migrate it. */
const STORAGE_VERSION = '3.6.0';

const nothing = new Uint8Array();

export function etcdBuckets(snapshot: ModelSnapshot, facts: DatabaseFacts): BucketSource[] {
  // What changes later is read now: the walk over keys and leases sees the snapshot.
  const fixed = (name: string, entries: readonly Entry[]): BucketSource => ({
    name,
    entries: () => entries,
  });
  const { users, roles } = authEntries(facts.rules);
  return [
    { name: 'key', entries: () => keyEntries(snapshot) },
    fixed('lease', leaseEntries(snapshot)),
    fixed('meta', metaEntries(snapshot, facts)),
    fixed('auth', [
      entry('authEnabled', Uint8Array.of(facts.rules.enabled ? 1 : 0)),
      entry('authRevision', bigEndian(facts.rules.revision)),
    ]),
    fixed('authUsers', users),
    fixed('authRoles', roles),
    fixed('alarm', alarmEntries(facts.alarms)),
    fixed('members', []),
    fixed('members_removed', []),
    fixed('cluster', []),
  ];
}

function* keyEntries(snapshot: ModelSnapshot): Generator<Entry> {
  for (const { revision, record } of snapshot.records()) {
    const key = etcdRevisionKey(revision, record.deleted);
    yield { key, value: etcdKeyValue(revision, record) };
  }
}

function leaseEntries(snapshot: ModelSnapshot): Entry[] {
  const entries = Array.from(snapshot.leases(), ({ id, ttlSeconds, remainingSeconds }) => ({
    key: leaseBytes(id),
    value: encodeFields([
      [1, id],
      [2, BigInt(ttlSeconds)],
      [3, BigInt(remainingSeconds)],
    ]),
  }));
  return sorted(entries);
}

function metaEntries({ compactRevision }: ModelSnapshot, facts: DatabaseFacts): Entry[] {
  const entries = [
    entry('consistent_index', bigEndian(facts.appliedIndex)),
    entry('term', bigEndian(facts.term)),
    entry('storageVersion', text(STORAGE_VERSION)),
  ];
  if (compactRevision > 0) {
    const revision = etcdRevisionKey({ main: compactRevision, sub: 0 }, false);
    entries.push(entry('scheduledCompactRev', revision));
    if (!facts.compacting) entries.push(entry('finishedCompactRev', revision));
  }
  return sorted(entries);
}

function authEntries(rules: AuthStore): { users: Entry[]; roles: Entry[] } {
  const users = rules.userNames().map((name) => {
    const { passwordHash, noPassword, roles } = rules.user(name)!;
    const fields: [number, ProtoValue][] = [
      [1, text(name)],
      [2, passwordHash],
    ];
    for (const role of roles) fields.push([3, text(role)]);
    if (noPassword) fields.push([4, encodeFields([[1, 1n]])]);
    return entry(name, encodeFields(fields));
  });
  const roles = rules.roleNames().map((name) => {
    const fields: [number, ProtoValue][] = [[1, text(name)]];
    for (const permission of rules.role(name)!.permissions) {
      fields.push([2, encodePermission(permission)]);
    }
    return entry(name, encodeFields(fields));
  });
  return { users, roles };
}

function encodePermission({ type, key, rangeEnd }: AuthPermission): Uint8Array {
  const number = { read: 0n, write: 1n, 'read-write': 2n }[type];
  return encodeFields([
    [1, number],
    [2, key],
    [3, rangeEnd],
  ]);
}

function alarmEntries(alarms: readonly Alarm[]): Entry[] {
  return sorted(
    alarms.map(({ memberId, alarm }) => {
      const key = encodeFields([
        [1, memberId],
        [2, alarm === 'no-space' ? 1n : 2n],
      ]);
      return { key, value: nothing };
    }),
  );
}

function entry(name: string, value: Uint8Array): Entry {
  return { key: text(name), value };
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function bigEndian(value: number): Uint8Array {
  return leaseBytes(BigInt(value));
}

/** By their keys, byte by byte. */
function sorted(entries: readonly Entry[]): Entry[] {
  return [...entries].sort((a, b) => {
    const shared = Math.min(a.key.length, b.key.length);
    for (let at = 0; at < shared; at++) {
      if (a.key[at] !== b.key[at]) return a.key[at]! - b.key[at]!;
    }
    return a.key.length - b.key.length;
  });
}
