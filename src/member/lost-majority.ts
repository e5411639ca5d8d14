/** Carries out, on the ports, what engine/lost-majority.ts says. */
import { QuorateError } from '../base/errors.ts';
import { DiskRequests } from '../engine/log/disk-requests.ts';
import { type OpenedLog, openLog } from '../engine/log/opening.ts';
import type { LogOptions } from '../engine/log/settings.ts';
import { type StoodAlone, standAlone } from '../engine/lost-majority.ts';
import type { DirectoryLock } from '../ports/disk.ts';
import type { Ports } from '../ports/ports.ts';
import { DiskDriver } from './disk-driver.ts';

/** The survivor, and what it goes on with. */
export interface LostMajorityReport {
  readonly name: string;
  readonly memberId: number;
  readonly clusterId: number;
  readonly groups: readonly StoodAlone[];
}

/**
 * Makes the member of a directory the only one of its cluster; it must not run.
 *
 * @throws QuorateError `directory-locked` while it runs, `not-a-member` where the directory holds
 *   none, `log-damaged` and what else opening a log refuses, or what the disk failed with
 */
export async function recoverLostMajorityOn(
  ports: Ports,
  options: LogOptions = {},
): Promise<LostMajorityReport> {
  const lock = await new Promise<DirectoryLock>((resolve, reject) => {
    ports.disk.lock('', (answer) => {
      if (answer instanceof QuorateError) reject(answer);
      else resolve(answer);
    });
  });
  const driver = new DiskDriver(ports.disk);
  try {
    return await rewrite(driver, options);
  } finally {
    await new Promise<void>((resolve) => driver.close(resolve));
    await new Promise<void>((resolve) => lock.release(() => resolve()));
  }
}

async function rewrite(driver: DiskDriver, options: LogOptions): Promise<LostMajorityReport> {
  const disk = new DiskRequests();
  const pump = (): void => {
    for (const operation of disk.take()) {
      driver.run(operation, (result) => {
        disk.complete(operation.id, result);
        pump();
      });
    }
  };
  const { log, identity } = await new Promise<OpenedLog>((resolve, reject) => {
    openLog(disk, options, (opened) => {
      if (opened instanceof QuorateError) reject(opened);
      else if (opened === 'new') reject(noMember());
      else resolve(opened);
    });
    pump();
  });
  const groups = standAlone(log, identity);
  if (groups.every(({ group }) => group !== 0)) throw noMember();
  log.flush();
  await new Promise<void>((resolve) => {
    log.close(resolve);
    pump();
  });
  if (log.fault !== undefined) throw log.fault;
  const { name, memberId, clusterId } = identity;
  return { name, memberId, clusterId, groups };
}

function noMember(): QuorateError {
  const message = 'the directory holds no member that has ever taken part in a cluster';
  return new QuorateError('not-a-member', message);
}
