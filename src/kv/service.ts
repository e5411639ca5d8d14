/**
 * The running service: one object over its parts, each of which does one subject of the interface.
 */
import { QuorateError } from '../base/errors.ts';
import type { Cancel } from '../ports/callbacks.ts';
import type { Clock } from '../ports/clock.ts';
import type { HeaderFacts, Kv, KvFigures } from './api.ts';
import type { AuthService } from './auth-service.ts';
import type { ClusterService } from './cluster-service.ts';
import type { Elections } from './elections.ts';
import type { Housekeeping } from './housekeeping.ts';
import type { Keys } from './keys.ts';
import type { LeaseService } from './lease-service.ts';
import type { KvMachine } from './machine.ts';
import type { Maintenance } from './maintenance.ts';
import type { Proposer } from './proposer.ts';
import type { WatchHub } from './watch/watch-hub.ts';

/** The parts, put together by `openKv`. */
export interface KvParts {
  readonly clock: Clock;
  readonly proposer: Proposer;
  readonly machine: KvMachine;
  readonly hub: WatchHub;
  readonly housekeeping: Housekeeping;
  readonly keys: Keys;
  readonly leases: LeaseService;
  readonly elections: Elections;
  readonly auth: AuthService;
  readonly cluster: ClusterService;
  readonly maintenance: Maintenance;
}

/** Election timeouts without a leader after which watches are let go that asked for one. */
const LEADERLESS_TIMEOUTS = 3;

export class KvService implements Kv {
  readonly range: Kv['range'];
  readonly rangeStream: Kv['rangeStream'];
  readonly put: Kv['put'];
  readonly deleteRange: Kv['deleteRange'];
  readonly txn: Kv['txn'];
  readonly compact: Kv['compact'];
  readonly watch: Kv['watch'];
  readonly leaseGrant: Kv['leaseGrant'];
  readonly leaseRevoke: Kv['leaseRevoke'];
  readonly leaseKeepAlive: Kv['leaseKeepAlive'];
  readonly leaseTimeToLive: Kv['leaseTimeToLive'];
  readonly leases: Kv['leases'];
  readonly lock: Kv['lock'];
  readonly unlock: Kv['unlock'];
  readonly campaign: Kv['campaign'];
  readonly proclaim: Kv['proclaim'];
  readonly leader: Kv['leader'];
  readonly observe: Kv['observe'];
  readonly resign: Kv['resign'];
  readonly identify: Kv['identify'];
  readonly authEnable: Kv['authEnable'];
  readonly authDisable: Kv['authDisable'];
  readonly authStatus: Kv['authStatus'];
  readonly authenticate: Kv['authenticate'];
  readonly userAdd: Kv['userAdd'];
  readonly userGet: Kv['userGet'];
  readonly userList: Kv['userList'];
  readonly userDelete: Kv['userDelete'];
  readonly userChangePassword: Kv['userChangePassword'];
  readonly userGrantRole: Kv['userGrantRole'];
  readonly userRevokeRole: Kv['userRevokeRole'];
  readonly roleAdd: Kv['roleAdd'];
  readonly roleGet: Kv['roleGet'];
  readonly roleList: Kv['roleList'];
  readonly roleDelete: Kv['roleDelete'];
  readonly roleGrantPermission: Kv['roleGrantPermission'];
  readonly roleRevokePermission: Kv['roleRevokePermission'];
  readonly memberList: Kv['memberList'];
  readonly memberAdd: Kv['memberAdd'];
  readonly memberRemove: Kv['memberRemove'];
  readonly memberUpdate: Kv['memberUpdate'];
  readonly memberPromote: Kv['memberPromote'];
  readonly status: Kv['status'];
  readonly alarm: Kv['alarm'];
  readonly defragment: Kv['defragment'];
  readonly hash: Kv['hash'];
  readonly hashKv: Kv['hashKv'];
  readonly snapshot: Kv['snapshot'];
  readonly moveLeader: Kv['moveLeader'];
  readonly downgrade: Kv['downgrade'];
  readonly #parts: KvParts;
  readonly #stop: (() => void)[] = [];
  #cancelLeaderless: Cancel = () => {};
  #applied = 0;
  #puts = 0;
  #deletions = 0;

  constructor(init: KvParts) {
    this.#parts = init;
    const { keys } = init;
    this.range = keys.range.bind(keys);
    this.rangeStream = keys.rangeStream.bind(keys);
    this.put = keys.put.bind(keys);
    this.deleteRange = keys.deleteRange.bind(keys);
    this.txn = keys.txn.bind(keys);
    this.compact = keys.compact.bind(keys);
    this.watch = keys.watch.bind(keys);
    const { leases } = init;
    this.leaseGrant = leases.leaseGrant.bind(leases);
    this.leaseRevoke = leases.leaseRevoke.bind(leases);
    this.leaseKeepAlive = leases.leaseKeepAlive.bind(leases);
    this.leaseTimeToLive = leases.leaseTimeToLive.bind(leases);
    this.leases = leases.leases.bind(leases);
    const { elections } = init;
    this.lock = elections.lock.bind(elections);
    this.unlock = elections.unlock.bind(elections);
    this.campaign = elections.campaign.bind(elections);
    this.proclaim = elections.proclaim.bind(elections);
    this.leader = elections.leader.bind(elections);
    this.observe = elections.observe.bind(elections);
    this.resign = elections.resign.bind(elections);
    const { auth } = init;
    this.identify = auth.identify.bind(auth);
    this.authEnable = auth.authEnable.bind(auth);
    this.authDisable = auth.authDisable.bind(auth);
    this.authStatus = auth.authStatus.bind(auth);
    this.authenticate = auth.authenticate.bind(auth);
    this.userAdd = auth.userAdd.bind(auth);
    this.userGet = auth.userGet.bind(auth);
    this.userList = auth.userList.bind(auth);
    this.userDelete = auth.userDelete.bind(auth);
    this.userChangePassword = auth.userChangePassword.bind(auth);
    this.userGrantRole = auth.userGrantRole.bind(auth);
    this.userRevokeRole = auth.userRevokeRole.bind(auth);
    this.roleAdd = auth.roleAdd.bind(auth);
    this.roleGet = auth.roleGet.bind(auth);
    this.roleList = auth.roleList.bind(auth);
    this.roleDelete = auth.roleDelete.bind(auth);
    this.roleGrantPermission = auth.roleGrantPermission.bind(auth);
    this.roleRevokePermission = auth.roleRevokePermission.bind(auth);
    const { cluster } = init;
    this.memberList = cluster.memberList.bind(cluster);
    this.memberAdd = cluster.memberAdd.bind(cluster);
    this.memberRemove = cluster.memberRemove.bind(cluster);
    this.memberUpdate = cluster.memberUpdate.bind(cluster);
    this.memberPromote = cluster.memberPromote.bind(cluster);
    const { maintenance } = init;
    this.status = maintenance.status.bind(maintenance);
    this.alarm = maintenance.alarm.bind(maintenance);
    this.defragment = maintenance.defragment.bind(maintenance);
    this.hash = maintenance.hash.bind(maintenance);
    this.hashKv = maintenance.hashKv.bind(maintenance);
    this.snapshot = maintenance.snapshot.bind(maintenance);
    this.moveLeader = maintenance.moveLeader.bind(maintenance);
    this.downgrade = maintenance.downgrade.bind(maintenance);
    this.#listen(init);
  }

  get clusterId(): bigint {
    return this.#parts.cluster.clusterId;
  }

  get memberId(): bigint {
    return this.#parts.cluster.memberId;
  }

  get isLeader(): boolean {
    return this.#parts.proposer.leadership.isLeader;
  }

  get isLearner(): boolean {
    return this.#parts.cluster.isLearner;
  }

  get leaderId(): bigint {
    return this.#parts.cluster.idOf(this.#parts.proposer.leadership.leader);
  }

  header(): HeaderFacts {
    const { clusterId, memberId } = this;
    const { term } = this.#parts.proposer.leadership;
    return { clusterId, memberId, raftTerm: term, revision: this.#parts.machine.model.revision };
  }

  onLeadership(listener: Parameters<Kv['onLeadership']>[0]): () => void {
    const { proposer, cluster } = this.#parts;
    return proposer.group.onLeadership(({ isLeader, leader, term }) => {
      listener({ isLeader, leaderId: cluster.idOf(leader), term });
    });
  }

  async health(options: Parameters<Kv['health']>[0] = {}): ReturnType<Kv['health']> {
    const { machine, proposer } = this.#parts;
    if (options.excludeAlarms !== true) {
      const [raised] = machine.model.alarms;
      if (raised !== undefined) return raised.alarm;
    }
    if (options.serializable === true) return 'healthy';
    if (proposer.leadership.leader === 0) return 'no-leader';
    try {
      await proposer.readIndex();
      return 'healthy';
    } catch (error) {
      if (error instanceof QuorateError) return 'read-failed';
      throw error;
    }
  }

  get figures(): KvFigures {
    const { machine, hub, leases, proposer, cluster, housekeeping } = this.#parts;
    const { model } = machine;
    const { fileBytes, usedBytes } = model.size();
    const { leader, isLeader } = proposer.leadership;
    return {
      currentRevision: model.revision,
      compactRevision: model.compactRevision,
      keys: model.keyCount,
      puts: this.#puts,
      deletions: this.#deletions,
      dbSizeBytes: Math.max(fileBytes, usedBytes),
      dbSizeInUseBytes: usedBytes,
      dbSizeQuotaBytes: housekeeping.quotaBytes,
      leases: leases.count,
      leasesGranted: leases.figures.granted,
      leasesRevoked: leases.figures.revoked,
      leasesExpired: leases.figures.expired,
      watchStreams: hub.streamCount,
      watches: hub.watchCount,
      slowWatches: hub.behindCount,
      eventsSent: hub.figures.eventsSent,
      // Nothing waits in memory for a slow client: it is read from history when it is wanted.
      pendingEvents: 0,
      proposalsPending: proposer.figures.pending,
      proposalsApplied: this.#applied,
      proposalsCommitted: proposer.group.status().commit,
      proposalsFailed: proposer.figures.failed,
      leaderChanges: proposer.figures.leaderChanges,
      hasLeader: leader !== 0,
      isLeader,
      isLearner: cluster.isLearner,
    };
  }

  setClientUrls(urls: readonly string[]): Promise<void> {
    return this.#parts.cluster.setClientUrls(urls);
  }

  async close(): Promise<void> {
    const { auth, leases, cluster, housekeeping, hub, proposer } = this.#parts;
    for (const stop of this.#stop.splice(0)) stop();
    this.#cancelLeaderless();
    hub.close();
    leases.close();
    auth.close();
    cluster.close();
    housekeeping.close();
    proposer.close();
  }

  #listen({ machine, hub, proposer, clock }: KvParts): void {
    this.#stop.push(
      machine.onApplied(({ command, revision, events }) => {
        this.#applied++;
        for (const { type } of events) {
          if (type === 'put') this.#puts++;
          else this.#deletions++;
        }
        if (events.length > 0) hub.applied(revision, events);
        else if (command.type === 'auth') hub.rulesChanged();
      }),
      machine.onReplaced(() => {
        hub.replaced();
        hub.rulesChanged();
      }),
      proposer.group.onLeadership(({ leader }) => {
        this.#cancelLeaderless();
        if (leader !== 0) return;
        const delayMs = LEADERLESS_TIMEOUTS * proposer.electionTimeoutMs;
        this.#cancelLeaderless = clock.after(delayMs, () => hub.leaderless());
      }),
    );
  }
}
