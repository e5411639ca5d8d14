/**
 * From an etcd snapshot to a member's directory: the file is checked, its state put into the store of
 * the key-value service, and the directory founded, last of all, as that of a member of a new cluster
 * whose founders all restore the same file.
 */
import { equalBytes } from '../base/compare-bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import { QuorateError } from '../base/errors.ts';
import type { Founder } from '../engine/opening.ts';
import { restoredCluster } from '../engine/restored-cluster.ts';
import { foundRestoredMember } from '../member/restored-member.ts';
import { type Crypto, sha256Bytes } from '../ports/crypto.ts';
import type { Ports } from '../ports/ports.ts';
import type { Store } from '../ports/store.ts';
import { LayeredStore } from '../store/layered-store.ts';
import { BboltReader, type ByteSource } from './bbolt/bbolt-reader.ts';
import {
  type ImportOptions,
  type ImportReport,
  importDatabase,
  readRevisionKey,
} from './bbolt/etcd-import.ts';

/** What a new member is told. */
export interface RestoreOptions extends ImportOptions {
  readonly name: string;
  readonly founders: readonly Founder[];
  readonly clusterToken: string;
  /** Takes a plain database file, without a checksum, or with one that does not fit. */
  readonly skipHashCheck: boolean;
}

/** What was restored, into which cluster. */
export interface RestoreReport extends ImportReport {
  readonly clusterId: number;
  readonly memberId: number;
}

/** What a snapshot holds. */
export interface SnapshotStatus {
  /** CRC32C over all buckets' names and entries, in hex, as etcdctl has it. */
  readonly hash: string;
  readonly revision: number;
  /** Entries of all buckets. */
  readonly totalKeys: number;
  readonly totalSizeBytes: number;
}

const GROUP_NAME = 'kv';
const HASH_STEP_BYTES = 2 ** 20;
/** A database is a whole number of these, so that what is left over is a checksum. */
const SECTOR_BYTES = 512;

/**
 * Makes a member of an empty directory, the ports' root.
 * @throws QuorateError `snapshot-damaged`, `invalid-config`, `invalid-auth-management`, or what the
 *   disk failed with. What is in the directory then is of no use.
 */
export async function restoreSnapshotOn(
  ports: Pick<Ports, 'disk' | 'stores' | 'random' | 'crypto'>,
  source: ByteSource,
  options: RestoreOptions,
): Promise<RestoreReport> {
  const { database, hash } = checked(source, ports.crypto, options.skipHashCheck);
  const { name, founders, clusterToken, bumpRevision, markCompacted, withoutAuth } = options;
  const cluster = restoredCluster({
    founders,
    token: clusterToken,
    groupName: GROUP_NAME,
    restored: JSON.stringify([hex(hash), bumpRevision, markCompacted, withoutAuth]),
  });
  const store = await openStore(ports);
  let report: ImportReport;
  try {
    const layered = new LayeredStore(store);
    layered.beginRestore();
    const importing = importDatabase(new BboltReader(database), layered, options);
    for (;;) {
      const step = importing.next();
      await done((then) => layered.drain(then));
      if (step.done !== true) continue;
      report = step.value;
      break;
    }
    await done((then) => layered.flush(cluster.mark, then));
  } finally {
    await done((then) => store.close(then));
  }
  await foundRestoredMember(ports, name, cluster);
  const { clusterId, members } = cluster.state;
  const memberId = members.find((member) => member.name === name)!.id;
  return { ...report, clusterId, memberId };
}

/** Looks through a snapshot. @throws QuorateError `snapshot-damaged` */
export function snapshotStatus(
  source: ByteSource,
  crypto: Crypto,
  { skipHashCheck }: { readonly skipHashCheck: boolean },
): SnapshotStatus {
  const { database } = checked(source, crypto, skipHashCheck);
  const reader = new BboltReader(database);
  let revision = 1;
  let totalKeys = 0;
  let sum = 0;
  const add = (bytes: Uint8Array): void => {
    sum = crc32c(bytes, 0, bytes.length, sum);
  };
  for (const name of reader.names()) {
    add(new TextEncoder().encode(name));
    for (const { key, value } of reader.bucket(name)) {
      add(key);
      add(value);
      if (name === 'key') revision = readRevisionKey(key).main;
      totalKeys++;
    }
  }
  return {
    hash: sum.toString(16).padStart(8, '0'),
    revision,
    totalKeys,
    totalSizeBytes: database.sizeBytes,
  };
}

/** The database in a snapshot, without the checksum behind it, which fits. */
function checked(
  source: ByteSource,
  crypto: Crypto,
  skipHashCheck: boolean,
): { readonly database: ByteSource; readonly hash: Uint8Array } {
  const hasHash = source.sizeBytes % SECTOR_BYTES === sha256Bytes;
  if (!hasHash && !skipHashCheck) {
    throw new QuorateError(
      'snapshot-damaged',
      'there is no checksum behind the snapshot: it is cut off, or a plain database, which --skip-hash-check takes',
    );
  }
  const sizeBytes = source.sizeBytes - (hasHash ? sha256Bytes : 0);
  const sum = crypto.createSha256();
  for (let at = 0; at < sizeBytes; at += HASH_STEP_BYTES) {
    sum.update(source.read(at, Math.min(HASH_STEP_BYTES, sizeBytes - at)));
  }
  const hash = sum.finish();
  if (!skipHashCheck && !equalBytes(hash, source.read(sizeBytes, sha256Bytes))) {
    throw new QuorateError(
      'snapshot-damaged',
      'the snapshot is not what was saved: its checksum differs',
    );
  }
  return { database: { sizeBytes, read: (at, bytes) => source.read(at, bytes) }, hash };
}

function openStore({ stores }: Pick<Ports, 'stores'>): Promise<Store> {
  return new Promise((resolve, reject) => {
    stores.open(`store/${GROUP_NAME}`, (answer) => {
      if (answer instanceof QuorateError) reject(answer);
      else resolve(answer);
    });
  });
}

function done(ask: (then: (error: QuorateError | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    ask((error) => (error === null ? resolve() : reject(error)));
  });
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
