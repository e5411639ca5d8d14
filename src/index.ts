/**
 * The main door: a replicated machine inside your own application.
 */
import { BackupFile } from './member/backup-file.ts';
import { type DirectoryBackupOptions, directoryBackup } from './member/directory-backup.ts';
import { type LostMajorityReport, recoverLostMajorityOn } from './member/lost-majority.ts';
import type { Member } from './member/member.ts';
import { openMemberOn } from './member/open-member.ts';
import type { MemberOptions } from './member/options.ts';
import {
  type RestoredMember,
  type RestoreMemberOptions,
  restoreMemberOn,
} from './member/restored-directory.ts';
import { TestCluster, type TestClusterOptions } from './member/test-cluster.ts';
import { readWhole, writeWhole } from './platform/backup-file.ts';
import { NodeCrypto } from './platform/node-crypto.ts';
import { nodePorts } from './platform/node-ports.ts';
import { makeDirectoryWhole } from './platform/snapshot-file.ts';
import { temporaryDirectory } from './platform/temporary-directory.ts';

export { type ErrorCode, QuorateError } from './base/errors.ts';
export type {
  BackupGroupHead,
  BackupGroupTotals,
  BackupHead,
} from './engine/backup/backup-format.ts';
export type { SessionMark } from './engine/envelope.ts';
export type {
  CommandContext,
  Machine,
  MachineFacts,
  MachineRestore,
  Outcome,
  PartFacts,
} from './engine/machine.ts';
export type {
  Call,
  CommandCalls,
  GivenOf,
  InputOf,
  OutputOf,
  QueryCalls,
} from './machine/calls.ts';
export type { Changes } from './machine/change-history.ts';
export type {
  BoundOf,
  RangeOf,
  StateCell,
  StateList,
  StateMap,
  StateOrderedMap,
  StateSet,
} from './machine/collections.ts';
export type { MachineContext, MachineRandom } from './machine/context.ts';
export {
  type AnyDefinition,
  type MachineDefinition,
  type MachineInit,
  machine,
} from './machine/definition.ts';
export type { Change } from './machine/journal.ts';
export type { Key } from './machine/key.ts';
export { cell, list, map, orderedMap, type Part, type PartOptions, set } from './machine/parts.ts';
export { Refusal, type RefusalFacts } from './machine/refusal.ts';
export type {
  CommandFunction,
  CommandTable,
  QueryFunction,
  QueryTable,
  SchemaOutput,
  SchemaTable,
  StateOf,
  StateShape,
} from './machine/shape.ts';
export type { SchemaIssue, SchemaResult, StandardSchema } from './machine/standard-schema.ts';
export type { TypedMachine, TypedMachineOptions } from './machine/typed-machine.ts';
export type { BackupFile } from './member/backup-file.ts';
export type { BackupGroupInfo, BackupInfo, BackupSource } from './member/backup-source.ts';
export type { Backup, BackupOptions } from './member/backups.ts';
export type { DirectoryBackupOptions } from './member/directory-backup.ts';
export type { DeadMemberPolicy, Discovery } from './member/discovery.ts';
export type { Group, LeaderHandler, Leading, ProposeOptions } from './member/group.ts';
export type { Leadership } from './member/leadership.ts';
export type { LostMajorityReport } from './member/lost-majority.ts';
export type { Member } from './member/member.ts';
export type { GroupInfo } from './member/member-groups.ts';
export type { MemberInfo } from './member/member-info.ts';
export type { MemberOptions, MemberSettings, PeerOption } from './member/options.ts';
export type { RaftEvent, RaftEventOptions, RaftFact } from './member/raft-events.ts';
export type { RequestOptions } from './member/requests.ts';
export type { RestoredMember, RestoreMemberOptions } from './member/restored-directory.ts';
export type { RestoreGroupOptions } from './member/restored-group.ts';
export type { TestCluster, TestClusterOptions } from './member/test-cluster.ts';
export type {
  ChangesOptions,
  MachineOf,
  QueryOptions,
  TypedGroup,
  TypedLeading,
} from './member/typed-group.ts';
export type { Logger } from './ports/logger.ts';
export type { Stream, StreamEvents } from './ports/streams.ts';

/**
 * Opens a member: recovers its directory, or founds or joins a cluster if that is empty, and takes
 * part from then on, until it is closed or removed.
 *
 * With `peers` several members found a cluster together; alone, without `peers` and `join`, a member
 * founds a cluster of one, which others may join.
 *
 * @returns the member, once its own state is recovered; its groups answer when a quorum is there
 * @throws QuorateError `directory-locked`, `address-in-use`, `address-unavailable`,
 *   `invalid-config`, `name-taken`, `wrong-secret`, `log-damaged`, `vote-damaged`,
 *   `identity-damaged`, `format-too-new`, `wrong-directory`, `disk-failed`, `closing`
 *
 * @example
 * ```ts
 * import { openMember } from 'quorate';
 *
 * const member = await openMember({ name: 'a', dataDir: './a', listen: '127.0.0.1:7000' });
 * console.log(member.members());
 * await member.close();
 * ```
 */
export async function openMember(options: MemberOptions): Promise<Member> {
  const { dataDir, logger } = options;
  const ports = nodePorts(logger === undefined ? { dataDir } : { dataDir, logger });
  return openMemberOn(ports, options);
}

/**
 * The last resort where most members are gone for good: makes the member of a directory, which must
 * not run, the only one of its cluster. What was acknowledged and is not on it is lost, and what it
 * holds uncommitted takes effect. The others are removed; one that comes back is refused as
 * `removed-member`, and stops.
 *
 * @returns what counts from now on
 * @throws QuorateError `directory-locked`, `not-a-member`, `log-damaged` and `vote-damaged` (unless
 *   `repair` accepts what is intact), `identity-damaged`, `format-too-new`, `disk-failed`
 *
 * @example
 * ```ts
 * import { recoverLostMajority } from 'quorate';
 *
 * const { name, groups } = await recoverLostMajority({ dataDir: './a' });
 * console.warn(`${name} goes on alone`, groups);
 * ```
 */
export async function recoverLostMajority(options: {
  readonly dataDir: string;
  /** Accept a damaged log: what is intact counts. Default false. */
  readonly repair?: boolean;
}): Promise<LostMajorityReport> {
  const { dataDir, repair = false } = options;
  const logger = nodePorts({ dataDir }).logger;
  const report = await recoverLostMajorityOn(nodePorts({ dataDir }), { repair });
  logger.warn(
    { ...report, dataDir },
    'recovered from a lost majority: this member is the only one',
  );
  return report;
}

/**
 * A file for a backup: to be written once, as a whole, and read as often as need be. The file is
 * readable by this user only, and gets its name when all of it is durable.
 *
 * @example
 * ```ts
 * import { backupFile, type Member } from 'quorate';
 *
 * declare const member: Member;
 *
 * const file = backupFile('/var/backups/app-2026-11-21.backup');
 * await file.write(member.backup());
 * const { groups, sha256 } = await file.inspect();
 * console.log(sha256, groups.map(({ name, index }) => `${name} at ${index}`));
 * ```
 */
export function backupFile(path: string): BackupFile {
  return new BackupFile(path, {
    write: (bytes) => writeWhole(path, bytes),
    read: () => readWhole(path),
    createSha256: () => new NodeCrypto().createSha256(),
  });
}

/**
 * Makes the directory of a member from a backup: the first member of a new cluster, or one of
 * several that all restore the same backup with the same `peers`. It is then opened as usual; its
 * groups begin with the state, the sessions and the indexes of the backup. The cluster's id is new:
 * members of the old cluster are refused as `wrong-cluster`.
 *
 * @param options.dataDir the new directory, which must not be there; only this user may read it
 * @throws QuorateError `file-exists`, `backup-damaged`, `format-too-new`, `unknown-group`,
 *   `group-exists`, `invalid-name`, `invalid-config`, or what the disk failed with; there is no
 *   directory then
 *
 * @example
 * ```ts
 * import { backupFile, openMember, restoreMember } from 'quorate';
 *
 * const from = backupFile('/var/backups/app-2026-11-21.backup');
 * await restoreMember({ from, name: 'a', dataDir: './restored' });
 * const member = await openMember({ name: 'a', dataDir: './restored' });
 * await member.close();
 * ```
 */
export function restoreMember(
  options: RestoreMemberOptions & { readonly dataDir: string },
): Promise<RestoredMember> {
  return makeDirectoryWhole(options.dataDir, (dataDir) =>
    restoreMemberOn(nodePorts({ dataDir }), options),
  );
}

/**
 * The bytes of a backup of a member that does not run, from its directory: each group as the newest
 * state that its files hold, and the entries of its log behind that. All that the log holds counts,
 * as in {@link recoverLostMajority}. It is restored with {@link restoreMember} only.
 *
 * @param options.groups only these
 * @throws QuorateError while it is read: `directory-locked` where the member runs (then
 *   `Member.backup` is the way), `not-a-member`, `unknown-group`, `log-damaged`,
 *   `snapshot-damaged`, `store-damaged`, `format-too-new`, `disk-failed`
 */
export function backupDirectory(
  options: { readonly dataDir: string } & DirectoryBackupOptions,
): AsyncGenerator<Uint8Array, void> {
  return directoryBackup(nodePorts({ dataDir: options.dataDir }), options);
}

/**
 * Opens a cluster of real members in this process, for an application's own tests: in a temporary
 * directory, on free ports of the loopback interface, with short times. `close()` removes all of it.
 *
 * @throws QuorateError as {@link openMember}
 *
 * @example
 * ```ts
 * import { type Machine, testCluster } from 'quorate';
 *
 * declare function counter(): Machine;
 *
 * const cluster = await testCluster();
 * const [first, second] = await cluster.group('counter', counter);
 * await first?.propose(Uint8Array.of(1));
 * await second?.readIndex();
 * await cluster.close();
 * ```
 */
export async function testCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  return TestCluster.open({ open: openMember, directory: temporaryDirectory }, options);
}
