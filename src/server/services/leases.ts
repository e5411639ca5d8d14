/** etcd's Lease service: keys that live as long as somebody says so, translated. */
import { create } from '@bufbuild/protobuf';
import type { StreamHandler } from '../../grpc/server-call.ts';
import { exact } from '../convert/requests.ts';
import { headerOf } from '../convert/responses.ts';
import { statusOfError } from '../errors.ts';
import * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';
import { optionsOf, type ServiceHost } from './context.ts';
import type { Handlers } from './registry.ts';

/** Keep-alives of one stream that wait for their answer; more hold the client up. */
const keepAlivesMax = 1_000;

export function leaseHandlers(host: ServiceHost): Handlers<typeof pb.Lease> {
  const { kv } = host;
  return {
    async leaseGrant({ ID: id, TTL: ttl }, call) {
      const options = await optionsOf(host, call);
      const granted = await kv.leaseGrant({ id, ttlSeconds: exact(ttl) }, options);
      const { id: ID, ttlSeconds } = granted;
      const header = headerOf(kv.header());
      return create(pb.LeaseGrantResponseSchema, { header, ID, TTL: BigInt(ttlSeconds) });
    },

    async leaseRevoke({ ID: id }, call) {
      const { revision } = await kv.leaseRevoke(id, await optionsOf(host, call));
      return create(pb.LeaseRevokeResponseSchema, { header: headerOf(kv.header(), revision) });
    },

    leaseKeepAlive(call): StreamHandler<pb.LeaseKeepAliveRequest> {
      // Answered in the order in which they came, each as soon as it can be.
      let last = Promise.resolve();
      let waiting = 0;
      let ended = false;
      return {
        received({ ID: id }) {
          if (++waiting >= keepAlivesMax) call.pause();
          const answer = (async () => kv.leaseKeepAlive(id, await optionsOf(host, call)))();
          // It fails when its turn comes, and not before.
          answer.catch(() => {});
          last = last.then(async () => {
            try {
              const { ttlSeconds } = await answer;
              const header = headerOf(kv.header());
              const TTL = BigInt(ttlSeconds);
              call.send(create(pb.LeaseKeepAliveResponseSchema, { header, ID: id, TTL }));
              if (waiting-- === keepAlivesMax) call.resume();
              if (ended && waiting === 0) call.finish();
            } catch (error) {
              call.finish(statusOfError(error));
            }
          });
        },
        ended() {
          ended = true;
          if (waiting === 0) call.finish();
        },
      };
    },

    async leaseTimeToLive({ ID: id, keys }, call) {
      const found = await kv.leaseTimeToLive({ id, keys }, await optionsOf(host, call));
      return create(pb.LeaseTimeToLiveResponseSchema, {
        header: headerOf(kv.header()),
        ID: found.id,
        TTL: BigInt(found.ttlSeconds),
        grantedTTL: BigInt(found.grantedTtlSeconds),
        keys: [...found.keys],
      });
    },

    async leaseLeases(_request, call) {
      const ids = await kv.leases(await optionsOf(host, call));
      const leases = ids.map((ID) => create(pb.LeaseStatusSchema, { ID }));
      return create(pb.LeaseLeasesResponseSchema, { header: headerOf(kv.header()), leases });
    },
  };
}
