/**
 * How the members of a consensus cluster find each other through gossip: each says in a tag where
 * it is reached. It satisfies what `openMember({ discovery })` wants; gossip alone changes nothing
 * about who votes.
 */
import { QuorateError } from '../base/errors.ts';
import type { Member } from '../swim/api.ts';
import type { Gossip } from './api.ts';

/** What a member is told; see `Discovery` of the package's main door. */
export interface GossipDiscovery {
  announce(self: { readonly name: string; readonly address: string }): void;
  addresses(): readonly string[];
  gone(): readonly string[];
}

/** A tag's value: the member's name may hold anything but the separator comes last. */
const SEPARATOR = '@';

/**
 * Finds members by a tag of the gossip agent.
 *
 * @param cluster names the consensus cluster, where several share one gossip cluster; part of a
 *   tag's name, so keep it short. Default `quorate`.
 *
 * @example
 * ```ts
 * import { openMember } from 'quorate';
 * import { gossipDiscovery, openGossip } from 'quorate/gossip';
 *
 * const gossip = await openGossip({ name: 'b', bind: '127.0.0.1:0', join: ['127.0.0.1:7946'] });
 * const discovery = gossipDiscovery(gossip);
 * const member = await openMember({ name: 'b', dataDir: './b', discovery });
 * ```
 */
export function gossipDiscovery(gossip: Gossip, cluster = 'quorate'): GossipDiscovery {
  const tag = `member-${cluster}`;
  const told = (value: string | undefined): { name: string; address: string } | undefined => {
    const at = value?.lastIndexOf(SEPARATOR) ?? -1;
    if (value === undefined || at < 1) return undefined;
    return { name: value.slice(0, at), address: value.slice(at + 1) };
  };
  return {
    announce({ name, address }) {
      const own = gossip.members.get(gossip.name)?.tags ?? new Map<string, string>();
      gossip.setTags({ ...Object.fromEntries(own), [tag]: `${name}${SEPARATOR}${address}` });
    },
    addresses() {
      const others = seen(gossip).filter(({ name, status }) => {
        return status === 'alive' && name !== gossip.name;
      });
      return others.flatMap(({ tags }) => told(tags.get(tag))?.address ?? []);
    },
    gone() {
      const silent = seen(gossip).filter(({ status }) => status !== 'alive');
      return silent.flatMap(({ tags }) => told(tags.get(tag))?.name ?? []);
    },
  };
}

/** An agent that has been closed sees nobody any more, and says nothing of who is gone. */
function seen(gossip: Gossip): Member[] {
  try {
    return [...gossip.members];
  } catch (error) {
    if (error instanceof QuorateError && error.code === 'gossip-stopped') return [];
    throw error;
  }
}
