/** A backup of a whole member: all its groups, one after the other. */
import { QuorateError } from '../base/errors.ts';
import type { Engine } from '../engine/engine.ts';
import { Backup, type BackupOptions, type Backups } from './backups.ts';
import type { MemberGroups } from './member-groups.ts';

/** @throws QuorateError `unknown-group` for a name that was asked for and is not open here */
export function backupOf(
  engine: Engine,
  options: BackupOptions & { readonly groups?: readonly string[] },
  of: { readonly backups: Backups; readonly groups: MemberGroups },
): Backup {
  const records = engine.system.state.groups;
  const names = options.groups ?? records.map(({ name }) => name);
  const missing: string[] = [];
  const takings = names.flatMap((name) => {
    const record = records.find((each) => each.name === name);
    const group = record === undefined ? undefined : of.groups.get(record.id);
    if (group !== undefined) return [group.taking(options)];
    if (options.groups !== undefined) {
      throw new QuorateError('unknown-group', `group ${name} is not open here`);
    }
    missing.push(name);
    return [];
  });
  return new Backup(of.backups, { takings, missing });
}
