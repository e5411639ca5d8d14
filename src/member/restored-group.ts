/**
 * Restores a group into a cluster that runs: the state is put beside this member's snapshots, under
 * the id of a group that is new and has this member as its only voter. When it is opened here it
 * begins from that state; the other members are brought in as any newcomers are.
 *
 * Order: all of the backup is checked; the group is entered into the catalogue, as restored; the
 * state is made durable. If this is broken off in between, the group is there and cannot be opened
 * (`restore-unfinished`): it never begins empty.
 */
import { QuorateError } from '../base/errors.ts';
import { hexOf } from '../base/hex.ts';
import type { Engine } from '../engine/engine.ts';
import type { Machine } from '../engine/machine.ts';
import type { GroupRecord, SystemCommand } from '../engine/system-machine.ts';
import { type AnyDefinition, MachineDefinition } from '../machine/definition.ts';
import { checkFacts } from '../machine/known-versions.ts';
import type { Crypto } from '../ports/crypto.ts';
import type { Disk } from '../ports/disk.ts';
import { emptyConfiguration } from '../raft/configuration.ts';
import {
  type BackupGroupInfo,
  type BackupSource,
  backupPieces,
  groupOf,
  inspectBackup,
} from './backup-source.ts';
import { customMachine } from './backup-walk.ts';
import { DiskSession } from './disk-session.ts';
import type { RequestOptions } from './requests.ts';
import { restoredPosition, SnapshotPlacing } from './snapshot-placing.ts';

/** What this needs of the member. */
export interface RestoreHost {
  readonly engine: Engine;
  readonly disk: Disk;
  readonly crypto: Crypto;
  propose(command: SystemCommand): Promise<unknown>;
}

/** How a group is restored. */
export interface RestoreGroupOptions extends RequestOptions {
  /** Which of the backup's groups; by default the only one. */
  readonly group?: string;
}

/** What is restored, and as what. */
export interface GroupRestore {
  readonly name: string;
  readonly machine: AnyDefinition | Machine;
  readonly source: BackupSource;
  /** Which of the backup's groups. */
  readonly group: string | undefined;
}

/** Brings the state to where the group begins from it when it is opened. @throws as `Member.restoreGroup` says */
export async function placeGroup(host: RestoreHost, restore: GroupRestore): Promise<void> {
  const { name, source } = restore;
  const { engine } = host;
  if (engine.system.groupNamed(name) !== undefined) {
    throw new QuorateError('group-exists', `there is a group ${name} already`);
  }
  const info = await inspectBackup(source, host.crypto.createSha256());
  const group = groupOf(info, restore.group);
  checkMachine(restore, group);
  const restored = hexOf(host.crypto.randomBytes(16));
  const voters = [engine.self];
  try {
    const record = (await host.propose({
      type: 'restore-group',
      name,
      voters,
      restored,
    })) as GroupRecord;
    await place(host, { id: record.id, group, source, sha256: info.sha256 });
  } catch (error) {
    // As far as it can be taken back; else it is told by name when somebody opens it.
    const record = host.engine.system.groupNamed(name);
    if (record?.restored === restored) {
      await host.propose({ type: 'remove-group', id: record.id }).catch(() => {});
    }
    throw error;
  }
}

function checkMachine({ machine }: GroupRestore, group: BackupGroupInfo): void {
  if (group.source === 'directory') {
    const text = 'the backup of a stopped member is restored into a directory, and then backed up';
    throw new QuorateError('wrong-machine', `${group.name}: ${text}`);
  }
  const facts = group.machine ?? customMachine;
  if (machine instanceof MachineDefinition) return checkFacts(machine, facts);
  if (machine.check !== undefined) return machine.check(facts);
  const own = machine.facts?.() ?? customMachine;
  if (own.kind === facts.kind) return;
  const text = `the state is of a machine of kind ${facts.kind}, this one is of kind ${own.kind}`;
  throw new QuorateError('wrong-machine', text);
}

async function place(
  host: RestoreHost,
  {
    id,
    group,
    source,
    sha256,
  }: {
    readonly id: number;
    readonly group: BackupGroupInfo;
    readonly source: BackupSource;
    readonly sha256: string;
  },
): Promise<void> {
  const { clusterId, self } = host.engine;
  const configuration = { ...emptyConfiguration, voters: [self] };
  const facts = { clusterId, group: id, configuration, ...restoredPosition(group) };
  const session = new DiskSession(host.disk);
  const placing = new SnapshotPlacing(session, facts);
  let isWhole = false;
  try {
    let current: string | undefined;
    for await (const piece of backupPieces(source, host.crypto.createSha256())) {
      if (piece.kind === 'group') current = piece.head.name;
      else if ((piece.kind === 'engine' || piece.kind === 'chunk') && current === group.name) {
        await placing.write(piece.kind, piece.content);
      } else if (piece.kind === 'end' && piece.end.sha256 !== sha256) {
        throw new QuorateError('backup-damaged', 'the backup was changed while it was read');
      }
    }
    await placing.finish();
    isWhole = true;
    host.engine.snapshotPlaced(facts);
  } finally {
    if (!isWhole) await placing.abandon();
    await session.close();
  }
}
