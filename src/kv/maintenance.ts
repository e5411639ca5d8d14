/** What operators ask: how a member is, alarms, hashes, snapshots, another leader. */
import { QuorateError } from '../base/errors.ts';
import type { Member } from '../member/member.ts';
import type { HashKv } from '../mvcc/hash-kv.ts';
import type { Clock } from '../ports/clock.ts';
import type { Crypto } from '../ports/crypto.ts';
import type {
  Alarm,
  AlarmRequest,
  AlarmType,
  CallOptions,
  HashKvResponse,
  KvMaintenance,
  KvStatus,
  SnapshotStream,
} from './api.ts';
import { streamSnapshot } from './bbolt/snapshot-stream.ts';
import type { ClusterService } from './cluster-service.ts';
import type { Housekeeping } from './housekeeping.ts';
import type { KvMachine } from './machine.ts';
import type { Proposer } from './proposer.ts';

/** The version of etcd whose behaviour this is. */
const CLUSTER_VERSION = '3.6.0';
const HASHED_RECORDS_A_STEP = 1000;

export class Maintenance implements KvMaintenance {
  readonly #member: Member;
  readonly #proposer: Proposer;
  readonly #machine: KvMachine;
  readonly #cluster: ClusterService;
  readonly #housekeeping: Housekeeping;
  readonly #clock: Clock;
  readonly #crypto: Crypto;

  constructor(init: {
    readonly member: Member;
    readonly proposer: Proposer;
    readonly machine: KvMachine;
    readonly cluster: ClusterService;
    readonly housekeeping: Housekeeping;
    readonly clock: Clock;
    readonly crypto: Crypto;
  }) {
    this.#member = init.member;
    this.#proposer = init.proposer;
    this.#machine = init.machine;
    this.#cluster = init.cluster;
    this.#housekeeping = init.housekeeping;
    this.#clock = init.clock;
    this.#crypto = init.crypto;
  }

  async status(options: CallOptions = {}): Promise<KvStatus> {
    this.#machine.rules.checkUser(options.caller);
    const { leader, term, commit, applied } = this.#proposer.group.status();
    const { fileBytes, usedBytes } = this.#machine.model.size();
    const errors: ('no-leader' | AlarmType)[] = leader === 0 ? ['no-leader'] : [];
    for (const { alarm } of this.#machine.model.alarms) errors.push(alarm);
    return {
      dbSizeBytes: Math.max(fileBytes, usedBytes),
      dbSizeInUseBytes: usedBytes,
      dbSizeQuotaBytes: this.#housekeeping.quotaBytes,
      leader: this.#cluster.idOf(leader),
      raftIndex: commit,
      raftTerm: term,
      raftAppliedIndex: applied,
      isLearner: this.#cluster.isLearner,
      errors,
    };
  }

  async alarm(request: AlarmRequest, options: CallOptions = {}): Promise<readonly Alarm[]> {
    const { action, alarm, memberId } = request;
    if (action === 'get') {
      await this.#proposer.readIndex(options);
      this.#machine.rules.checkUser(options.caller);
      return this.#machine.model.alarms.filter(
        (raised) => alarm === undefined || raised.alarm === alarm,
      );
    }
    if (action === 'activate') {
      // Also for member 0, which is nobody: so does etcd, and clients count on it.
      const raised = { memberId, alarm: alarm ?? 'no-space' };
      await this.#proposer.propose({ type: 'alarm', action, ...raised }, options);
      return [raised];
    }
    await this.#proposer.readIndex(options);
    const meant = this.#machine.model.alarms.filter(
      (raised) =>
        (memberId === 0n || raised.memberId === memberId) &&
        (alarm === undefined || raised.alarm === alarm),
    );
    if (meant.length === 0) this.#machine.rules.checkAdmin(options.caller);
    for (const raised of meant) {
      await this.#proposer.propose({ type: 'alarm', action, ...raised }, options);
    }
    return meant;
  }

  async defragment(options: CallOptions = {}): Promise<void> {
    this.#machine.rules.checkAdmin(options.caller);
    await this.#housekeeping.compacted();
  }

  async hash(options: CallOptions = {}): Promise<number> {
    this.#machine.rules.checkAdmin(options.caller);
    // Never 0, which JSON leaves out.
    return this.#machine.model.hash % 2 ** 32 || 1;
  }

  async hashKv(revision: number, options: CallOptions = {}): Promise<HashKvResponse> {
    this.#machine.rules.checkAdmin(options.caller);
    const hashing = this.#machine.model.hashKv(revision);
    for (;;) {
      const hash: HashKv | undefined = hashing.step(HASHED_RECORDS_A_STEP);
      if (hash !== undefined) return hash;
      if (options.signal?.aborted === true) {
        hashing.close();
        throw new QuorateError('request-canceled', 'the caller gave up');
      }
      await new Promise<void>((resolve) => void this.#clock.after(0, resolve));
    }
  }

  async snapshot(options: CallOptions = {}): Promise<SnapshotStream> {
    const { model, rules, appliedIndex } = this.#machine;
    rules.checkAdmin(options.caller);
    const { term } = this.#proposer.leadership;
    const { compacting, alarms } = model;
    const facts = { appliedIndex, term, compacting, alarms, rules };
    const tools = { clock: this.#clock, crypto: this.#crypto, signal: options.signal };
    return streamSnapshot(model.snapshot(), facts, tools);
  }

  async moveLeader(target: bigint, options: CallOptions = {}): Promise<void> {
    this.#machine.rules.checkAdmin(options.caller);
    const { group } = this.#proposer;
    if (!this.#proposer.leadership.isLeader)
      throw new QuorateError('not-leader', 'another member leads');
    const info = this.#member.members().find(({ id }) => this.#cluster.idOf(id) === target);
    if (info === undefined || info.awaitsPromotion) {
      throw new QuorateError('bad-leader-transferee', 'this member cannot lead');
    }
    if (info.id === this.#member.id) return;
    // A newcomer, or one that was just promoted, is about to vote.
    await this.#cluster.votes(info.id, options);
    await group.transferLeadership(info.id, { timeoutMs: this.#proposer.requestTimeoutMs });
  }

  async downgrade(
    { action, version }: { readonly action: string; readonly version: string },
    options: CallOptions = {},
  ): Promise<string> {
    this.#machine.rules.checkAdmin(options.caller);
    if (action === 'cancel') return CLUSTER_VERSION;
    const found = /^(\d+)\.(\d+)(\.\d+)?$/.exec(version);
    if (found === null) {
      throw new QuorateError('wrong-downgrade-version-format', 'a version is major.minor');
    }
    // There is one format of the state only: nothing has to be prepared, and nothing can be.
    if (found[1] !== '3' || found[2] !== '5') {
      throw new QuorateError('invalid-downgrade-version', 'one minor version back is possible');
    }
    if (action === 'enable')
      throw new QuorateError('not-capable', 'there is nothing to go back to');
    return CLUSTER_VERSION;
  }
}
