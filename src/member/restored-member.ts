/** Founds a member's directory as that of a restored cluster, on the ports, and does not start it. */
import { QuorateError } from '../base/errors.ts';
import { encodeFirstView, FIRST_VIEW_FILE } from '../engine/first-view.ts';
import type { MemberLog } from '../engine/log/member-log.ts';
import { foundLog, type OpenedLog } from '../engine/log/opening.ts';
import type { RestoredCluster } from '../engine/restored-cluster.ts';
import type { Ports } from '../ports/ports.ts';
import { DiskSession } from './disk-session.ts';

/**
 * @param fill puts what is restored into the directory, before it counts
 * @throws QuorateError `invalid-config` where `name` is no founder, or what the disk failed with
 */
export async function foundRestoredMember(
  { disk, random }: Pick<Ports, 'disk' | 'random'>,
  name: string,
  { state }: Pick<RestoredCluster, 'state'>,
  fill: (log: MemberLog, session: DiskSession) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const own = state.members.find((member) => member.name === name);
  if (own === undefined)
    throw new QuorateError('invalid-config', `${name} is not among the founders`);
  const session = new DiskSession(disk);
  const { requests } = session;
  try {
    const content = encodeFirstView({ founder: true, state });
    await session.run<null>((then) => {
      requests.run({ type: 'write-atomically', path: FIRST_VIEW_FILE, content }, (error) =>
        then(error ?? null),
      );
    });
    const { clusterId } = state;
    const incarnation = 1 + random.below(2 ** 20) * 2 ** 32 + random.uint32();
    const identity = { clusterId, memberId: own.id, name, incarnation };
    const { log } = await session.run<OpenedLog>((then) => foundLog(requests, identity, {}, then));
    await fill(log, session);
    await session.run<null>((then) => log.close(() => then(null)));
    if (log.fault !== undefined) throw log.fault;
  } finally {
    await session.close();
  }
}
