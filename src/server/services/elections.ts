/** etcd's Lock and Election services, for clients in any language. */
import { create } from '@bufbuild/protobuf';
import type { LeaderKey } from '../../kv/api.ts';
import { exact } from '../convert/requests.ts';
import { headerOf, keyValueOf } from '../convert/responses.ts';
import * as election from '../proto/gen/v3electionpb/v3election_pb.ts';
import * as lock from '../proto/gen/v3lockpb/v3lock_pb.ts';
import { optionsOf, type ServiceHost } from './context.ts';
import { pour } from './pour.ts';
import type { Handlers } from './registry.ts';

export function lockHandlers(host: ServiceHost): Handlers<typeof lock.Lock> {
  const { kv } = host;
  return {
    async lock({ name, lease }, call) {
      const { key, revision } = await kv.lock({ name, lease }, await optionsOf(host, call));
      return create(lock.LockResponseSchema, { header: headerOf(kv.header(), revision), key });
    },

    async unlock({ key }, call) {
      const { revision } = await kv.unlock(key, await optionsOf(host, call));
      return create(lock.UnlockResponseSchema, { header: headerOf(kv.header(), revision) });
    },
  };
}

export function electionHandlers(host: ServiceHost): Handlers<typeof election.Election> {
  const { kv } = host;
  return {
    async campaign({ name, lease, value }, call) {
      const won = await kv.campaign({ name, lease, value }, await optionsOf(host, call));
      const { leader, revision } = won;
      return create(election.CampaignResponseSchema, {
        header: headerOf(kv.header(), revision),
        leader: create(election.LeaderKeySchema, {
          name: leader.name,
          key: leader.key,
          rev: BigInt(leader.revision),
          lease: leader.lease,
        }),
      });
    },

    async proclaim({ leader, value }, call) {
      const request = { leader: leaderKeyOf(leader), value };
      const { revision } = await kv.proclaim(request, await optionsOf(host, call));
      return create(election.ProclaimResponseSchema, { header: headerOf(kv.header(), revision) });
    },

    async leader({ name }, call) {
      const found = await kv.leader(name, await optionsOf(host, call));
      return create(election.LeaderResponseSchema, {
        header: headerOf(kv.header(), found.revision),
        kv: keyValueOf(found.kv),
      });
    },

    observe: pour(async function* ({ name }: election.LeaderRequest, call) {
      for await (const found of kv.observe(name, await optionsOf(host, call))) {
        yield create(election.LeaderResponseSchema, {
          header: headerOf(kv.header(), found.revision),
          kv: keyValueOf(found.kv),
        });
      }
    }),

    async resign({ leader }, call) {
      const { revision } = await kv.resign(leaderKeyOf(leader), await optionsOf(host, call));
      return create(election.ResignResponseSchema, { header: headerOf(kv.header(), revision) });
    },
  };
}

function leaderKeyOf(leader: election.LeaderKey | undefined): LeaderKey | undefined {
  if (leader === undefined) return undefined;
  const { name, key, rev, lease } = leader;
  return { name, key, revision: exact(rev), lease };
}
