/** etcd's Cluster service: who the members are, and changes of that, translated. */
import { create } from '@bufbuild/protobuf';
import type { ClusterMember } from '../../kv/api.ts';
import { clusterHeader } from '../convert/responses.ts';
import * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';
import { optionsOf, type ServiceHost } from './context.ts';
import type { Handlers } from './registry.ts';

export function clusterHandlers(host: ServiceHost): Handlers<typeof pb.Cluster> {
  const { kv } = host;
  const header = () => clusterHeader(kv.header());
  return {
    async memberAdd({ peerURLs: peerUrls, isLearner }, call) {
      const options = await optionsOf(host, call);
      const { member, members } = await kv.memberAdd({ peerUrls, isLearner }, options);
      return create(pb.MemberAddResponseSchema, {
        header: header(),
        member: memberOf(member),
        members: members.map(memberOf),
      });
    },

    async memberRemove({ ID }, call) {
      const members = await kv.memberRemove(ID, await optionsOf(host, call));
      return create(pb.MemberRemoveResponseSchema, {
        header: header(),
        members: members.map(memberOf),
      });
    },

    async memberUpdate({ ID: id, peerURLs: peerUrls }, call) {
      const members = await kv.memberUpdate({ id, peerUrls }, await optionsOf(host, call));
      return create(pb.MemberUpdateResponseSchema, {
        header: header(),
        members: members.map(memberOf),
      });
    },

    async memberList({ linearizable }, call) {
      const { caller, signal } = await optionsOf(host, call);
      const members = await kv.memberList({ caller, signal, linearizable });
      return create(pb.MemberListResponseSchema, {
        header: header(),
        members: members.map(memberOf),
      });
    },

    async memberPromote({ ID }, call) {
      const members = await kv.memberPromote(ID, await optionsOf(host, call));
      return create(pb.MemberPromoteResponseSchema, {
        header: header(),
        members: members.map(memberOf),
      });
    },
  };
}

function memberOf({ id, name, peerUrls, clientUrls, isLearner }: ClusterMember): pb.Member {
  return create(pb.MemberSchema, {
    ID: id,
    name,
    peerURLs: [...peerUrls],
    clientURLs: [...clientUrls],
    isLearner,
  });
}
