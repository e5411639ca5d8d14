/** etcd's Maintenance service: status, alarms, hashes, snapshots, leadership, translated. */
import { create } from '@bufbuild/protobuf';
import { QuorateError } from '../../base/errors.ts';
import type { Alarm, AlarmType } from '../../kv/api.ts';
import { exact } from '../convert/requests.ts';
import { headerOf } from '../convert/responses.ts';
import * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';
import { clusterVersion, etcdVersion, optionsOf, type ServiceHost } from './context.ts';
import { pour } from './pour.ts';
import type { Handlers } from './registry.ts';

const alarmTypes: readonly (AlarmType | undefined)[] = [undefined, 'no-space', 'corrupt'];
const alarmActions = ['get', 'activate', 'deactivate'] as const;
/** What ends a snapshot: a SHA-256. */
const checksumBytes = 32;
const downgradeActions = ['validate', 'enable', 'cancel'] as const;

export function maintenanceHandlers(host: ServiceHost): Handlers<typeof pb.Maintenance> {
  const { kv } = host;
  return {
    async alarm({ action, memberID: memberId, alarm }, call) {
      const options = await optionsOf(host, call);
      const wanted = alarmActions[action];
      if (wanted === undefined || alarm >= alarmTypes.length) {
        throw new QuorateError('malformed-message', 'there is no such alarm or action');
      }
      const request = { action: wanted, memberId, alarm: alarmTypes[alarm] };
      const alarms = await kv.alarm(request, options);
      return create(pb.AlarmResponseSchema, {
        header: headerOf(kv.header()),
        alarms: alarms.map(alarmOf),
      });
    },

    async status(_request, call) {
      const options = await optionsOf(host, call, 'serve');
      const status = await kv.status(options);
      const errors: string[] = [];
      if (status.errors.includes('no-leader')) errors.push('etcdserver: no leader');
      if (status.errors.some((each) => each !== 'no-leader')) {
        const request = { action: 'get', memberId: 0n, alarm: undefined } as const;
        for (const alarm of await kv.alarm(request, options)) errors.push(textOfAlarm(alarm));
      }
      return create(pb.StatusResponseSchema, {
        header: headerOf(kv.header()),
        version: etcdVersion,
        storageVersion: clusterVersion,
        dbSize: BigInt(status.dbSizeBytes),
        dbSizeInUse: BigInt(status.dbSizeInUseBytes),
        dbSizeQuota: BigInt(Math.max(0, status.dbSizeQuotaBytes)),
        leader: status.leader,
        raftIndex: BigInt(status.raftIndex),
        raftTerm: BigInt(status.raftTerm),
        raftAppliedIndex: BigInt(status.raftAppliedIndex),
        isLearner: status.isLearner,
        downgradeInfo: create(pb.DowngradeInfoSchema),
        errors,
      });
    },

    async defragment(_request, call) {
      await kv.defragment(await optionsOf(host, call));
      return create(pb.DefragmentResponseSchema);
    },

    async hash(_request, call) {
      const hash = await kv.hash(await optionsOf(host, call));
      return create(pb.HashResponseSchema, { header: headerOf(kv.header()), hash });
    },

    async hashKV({ revision }, call) {
      const found = await kv.hashKv(exact(revision), await optionsOf(host, call));
      return create(pb.HashKVResponseSchema, {
        header: headerOf(kv.header()),
        hash: found.hash,
        compactRevision: BigInt(found.compactRevision),
        hashRevision: BigInt(found.hashRevision),
      });
    },

    snapshot: pour(async function* (_request: pb.SnapshotRequest, call) {
      const { sizeBytes, chunks } = await kv.snapshot(await optionsOf(host, call, 'serve'));
      // As in etcd, without headers, and without counting the checksum behind the database.
      let remaining = sizeBytes - checksumBytes;
      for await (const blob of chunks) {
        remaining -= blob.length;
        yield create(pb.SnapshotResponseSchema, {
          blob,
          remainingBytes: BigInt(Math.max(0, remaining)),
          version: clusterVersion,
        });
      }
    }),

    async moveLeader({ targetID }, call) {
      await kv.moveLeader(targetID, await optionsOf(host, call));
      return create(pb.MoveLeaderResponseSchema);
    },

    async downgrade({ action, version }, call) {
      const options = await optionsOf(host, call);
      const wanted = downgradeActions[action];
      if (wanted === undefined) {
        throw new QuorateError('malformed-message', 'there is no such action');
      }
      const current = await kv.downgrade({ action: wanted, version }, options);
      return create(pb.DowngradeResponseSchema, {
        header: headerOf(kv.header()),
        version: current,
      });
    },
  };
}

function alarmOf({ memberId, alarm }: Alarm): pb.AlarmMember {
  const type = alarm === 'no-space' ? pb.AlarmType.NOSPACE : pb.AlarmType.CORRUPT;
  return create(pb.AlarmMemberSchema, { memberID: memberId, alarm: type });
}

/** As Go prints the message, since that is what etcd puts into the list of errors. */
function textOfAlarm({ memberId, alarm }: Alarm): string {
  return `memberID:${memberId} alarm:${alarm === 'no-space' ? 'NOSPACE' : 'CORRUPT'} `;
}
