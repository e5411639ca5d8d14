/**
 * The main door: a replicated machine inside your own application.
 */
import { type Member, openMemberOn } from './member/member.ts';
import type { MemberOptions } from './member/options.ts';
import { nodePorts } from './platform/node-ports.ts';

export { type ErrorCode, QuorateError } from './base/errors.ts';
export type { CommandContext, Machine, MachineRestore, Outcome } from './engine/machine.ts';
export type { DeadMemberPolicy, Discovery } from './member/discovery.ts';
export type { Group, LeaderHandler, Leadership, ProposeOptions } from './member/group.ts';
export type { Member } from './member/member.ts';
export type { MemberInfo } from './member/member-info.ts';
export type { MemberOptions, PeerOption } from './member/options.ts';
export type { RequestOptions } from './member/requests.ts';
export type { Logger } from './ports/logger.ts';

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
