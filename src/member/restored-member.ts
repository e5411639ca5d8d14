/** Founds a member's directory as that of a restored cluster, on the ports, and does not start it. */
import { QuorateError } from '../base/errors.ts';
import { encodeFirstView, FIRST_VIEW_FILE } from '../engine/first-view.ts';
import { DiskRequests } from '../engine/log/disk-requests.ts';
import { foundLog, type OpenedLog } from '../engine/log/opening.ts';
import type { RestoredCluster } from '../engine/restored-cluster.ts';
import type { Ports } from '../ports/ports.ts';
import { DiskDriver } from './disk-driver.ts';

/** @throws QuorateError `invalid-config` where `name` is no founder, or what the disk failed with */
export async function foundRestoredMember(
  { disk: port, random }: Pick<Ports, 'disk' | 'random'>,
  name: string,
  { state }: RestoredCluster,
): Promise<void> {
  const own = state.members.find((member) => member.name === name);
  if (own === undefined)
    throw new QuorateError('invalid-config', `${name} is not among the founders`);
  const driver = new DiskDriver(port);
  const disk = new DiskRequests();
  const pump = (): void => {
    for (const operation of disk.take()) {
      driver.run(operation, (result) => {
        disk.complete(operation.id, result);
        pump();
      });
    }
  };
  try {
    const content = encodeFirstView({ founder: true, state });
    await new Promise<void>((resolve, reject) => {
      disk.run({ type: 'write-atomically', path: FIRST_VIEW_FILE, content }, (error) =>
        error === null ? resolve() : reject(error),
      );
      pump();
    });
    const { clusterId } = state;
    const incarnation = 1 + random.below(2 ** 20) * 2 ** 32 + random.uint32();
    const identity = { clusterId, memberId: own.id, name, incarnation };
    const { log } = await new Promise<OpenedLog>((resolve, reject) => {
      foundLog(disk, identity, {}, (opened) =>
        opened instanceof QuorateError ? reject(opened) : resolve(opened),
      );
      pump();
    });
    await new Promise<void>((resolve) => {
      log.close(resolve);
      pump();
    });
    if (log.fault !== undefined) throw log.fault;
  } finally {
    await new Promise<void>((resolve) => driver.close(resolve));
  }
}
