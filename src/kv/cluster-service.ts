/**
 * Members in etcd's words. Which there are is the system group's business; here they get 64-bit ids
 * and URLs, and those who are announced wait for their start without counting for anything: adding a
 * member can never cost the quorum.
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { QuorateError } from '../base/errors.ts';
import type { Member } from '../member/member.ts';
import type { MemberInfo } from '../member/member-info.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Random } from '../ports/random.ts';
import type { CallOptions, ClusterMember, KvCluster, MemberAdded } from './api.ts';
import type { ClusterCommand, ClusterRow } from './cluster-table.ts';
import type { KvMachine } from './machine.ts';
import { memberIdFor } from './member-ids.ts';
import { leaderQuestions, type Proposer } from './proposer.ts';
import { StrictChanges } from './strict-changes.ts';

const PUBLISH_AGAIN_MS = 500;
/** etcd's: so much of the leader's log a learner must have to be promoted. */
const IN_SYNC = 0.9;

export class ClusterService implements KvCluster {
  readonly clusterId: bigint;
  readonly #member: Member;
  /** Known for ever, also when the member has closed. */
  readonly #self: number;
  readonly #proposer: Proposer;
  readonly #machine: KvMachine;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  #clientUrls: readonly string[];
  readonly #peerUrls: readonly string[] | undefined;
  readonly #learnersMax: number;
  readonly #strict: StrictChanges | undefined;
  #isLearner = false;
  readonly #stop: () => void;
  #publishing: Promise<void> | undefined;
  #closed = false;

  constructor(init: {
    readonly member: Member;
    readonly proposer: Proposer;
    readonly machine: KvMachine;
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    readonly clientUrls: readonly string[];
    readonly peerUrls: readonly string[] | undefined;
    /** How many learners there may be at a time. */
    readonly learnersMax: number;
    /** Whether changes are refused while too many members are away. */
    readonly strict: boolean;
  }) {
    this.#member = init.member;
    this.#self = init.member.id;
    this.#proposer = init.proposer;
    this.#machine = init.machine;
    this.#clock = init.clock;
    this.#random = init.random;
    this.#logger = init.logger;
    this.#clientUrls = init.clientUrls;
    this.#peerUrls = init.peerUrls;
    this.#learnersMax = init.learnersMax;
    if (init.strict) {
      const { clock, member } = init;
      this.#strict = new StrictChanges({
        self: member.id,
        nowMs: () => clock.monotonicMs(),
        peers: () => member.engine.peers.status(),
      });
    }
    init.proposer.onLeaderCall(leaderQuestions.isInSync, (payload) => this.#isInSync(payload));
    this.clusterId = memberIdFor(0n, init.member.engine.system.state.clusterId);
    // Every request asks for it, so it is looked up when it may have changed only.
    const look = (): void => {
      this.#isLearner = this.#info(this.#self)?.awaitsPromotion === true;
    };
    this.#stop = init.member.onMembership(look);
    look();
    void this.#publish();
  }

  close(): void {
    this.#closed = true;
    this.#stop();
  }

  get memberId(): bigint {
    return this.idOf(this.#self);
  }

  /** The 64-bit id of a member; 0n for nobody. */
  idOf(member: number): bigint {
    if (member === 0) return 0n;
    return this.#machine.cluster.ofMember(member)?.id ?? memberIdFor(this.clusterId, member);
  }

  /** Settles when the cluster knows it, or the service closes. */
  setClientUrls(urls: readonly string[]): Promise<void> {
    this.#clientUrls = urls;
    return this.#publish();
  }

  /** Whether this member is a learner that nobody has promoted yet. */
  get isLearner(): boolean {
    return this.#isLearner;
  }

  /**
   * Settles when this member finds itself among the members, as its cluster sees it: a newcomer has
   * first to hear that far. Throws `request-timed-out`, `request-canceled`.
   */
  async known(options: CallOptions): Promise<void> {
    await this.#until(() => this.#info(this.#self) !== undefined, options);
  }

  async memberList(
    options: CallOptions & { readonly linearizable?: boolean | undefined } = {},
  ): Promise<readonly ClusterMember[]> {
    if (options.linearizable === true) await this.#proposer.readIndex(options);
    this.#machine.rules.checkUser(options.caller);
    return this.#members();
  }

  async memberAdd(
    { peerUrls, isLearner }: { readonly peerUrls: readonly string[]; readonly isLearner: boolean },
    options: CallOptions = {},
  ): Promise<MemberAdded> {
    await this.#admin(options);
    checkUrls(peerUrls);
    const members = this.#members();
    if (members.some((member) => member.peerUrls.some((url) => peerUrls.includes(url)))) {
      throw new QuorateError('peer-urls-exist', 'another member has one of these URLs');
    }
    const learners = members.filter((member) => member.isLearner).length;
    if (isLearner && learners >= this.#learnersMax) {
      throw new QuorateError('too-many-learners', `there may be ${this.#learnersMax} at a time`);
    }
    this.#strict?.checkAdding(this.#voters());
    await this.#announce(isLearner ? peerUrls : [], options);
    const id = (BigInt(this.#random.uint32()) << 32n) | BigInt(this.#random.uint32()) | 1n;
    await this.#change({ type: 'add', id, peerUrls, isLearner }, options);
    const member = { id, name: '', peerUrls, clientUrls: [], isLearner };
    return { member, members: this.#members() };
  }

  async memberRemove(id: bigint, options: CallOptions = {}): Promise<readonly ClusterMember[]> {
    await this.#admin(options);
    const info = this.#known(id);
    if (info !== undefined) this.#strict?.checkRemoving(this.#voters(), info.id);
    if (info === undefined) await this.#retract(id, options);
    else await this.#system((waiting) => this.#member.removeMember(info.id, waiting), options);
    if (this.#machine.cluster.row(id) !== undefined) {
      await this.#change({ type: 'remove', id }, options);
    }
    return this.#members();
  }

  async memberUpdate(
    { id, peerUrls }: { readonly id: bigint; readonly peerUrls: readonly string[] },
    options: CallOptions = {},
  ): Promise<readonly ClusterMember[]> {
    await this.#admin(options);
    checkUrls(peerUrls);
    const info = this.#known(id);
    const others = this.#members().filter((member) => member.id !== id);
    if (others.some((member) => member.peerUrls.some((url) => peerUrls.includes(url)))) {
      throw new QuorateError('peer-urls-exist', 'another member has one of these URLs');
    }
    if (info !== undefined) await this.#publishRow(info);
    else {
      await this.#retract(id, options);
      if (this.#machine.cluster.row(id)?.isLearner) await this.#announce(peerUrls, options);
    }
    await this.#change({ type: 'update', id, peerUrls }, options);
    const address = addressIn(peerUrls[0]!);
    if (info !== undefined && address !== info.address) {
      const { id: member } = info;
      await this.#system((how) => this.#member.setMemberAddress(member, address, how), options);
    }
    return this.#members();
  }

  async memberPromote(id: bigint, options: CallOptions = {}): Promise<readonly ClusterMember[]> {
    await this.#admin(options);
    const info = this.#known(id);
    const row = this.#machine.cluster.row(id);
    if (!(info === undefined ? row?.isLearner : info.awaitsPromotion)) {
      throw new QuorateError('not-a-learner', 'this member is a voter');
    }
    const question = new ByteWriter(16).byte(leaderQuestions.isInSync).number(info?.id ?? 0);
    const answer = await this.#proposer.callLeader(question.finish(), options);
    if (info === undefined || answer[0] !== 1) {
      throw new QuorateError('learner-not-ready', 'it has not caught up yet');
    }
    const { id: member } = info;
    await this.#system((waiting) => this.#member.learners.promote(member, waiting), options);
    if (row?.isLearner) await this.#change({ type: 'promote', id }, options);
    await this.votes(member, options);
    return this.#members();
  }

  /** For the leader: whether it has sent a member so much that this could vote. */
  async #isInSync(payload: Uint8Array): Promise<Uint8Array> {
    const reader = new ByteReader(payload);
    reader.byte();
    const member = reader.number();
    const { progress, lastIndex } = this.#proposer.group.status();
    const { match, active } = progress.find((each) => each.member === member) ?? nothingSent;
    return Uint8Array.of(active && match > lastIndex * IN_SYNC ? 1 : 0);
  }

  /** Settles when a member votes in the key-value group, as this one sees it. Throws `timeout`. */
  async votes(member: number, options: CallOptions): Promise<void> {
    const { group } = this.#proposer;
    const inGroup = (): boolean => group.status().configuration.voters.includes(member);
    await this.#until(() => inGroup() && this.#info(member)?.role === 'voter', options);
  }

  /** Settles when a condition holds, which is asked after each change of members or voters. */
  async #until(condition: () => boolean, { timeoutMs, signal }: CallOptions): Promise<void> {
    const limitMs = timeoutMs ?? this.#proposer.requestTimeoutMs;
    let stopListening = (): void => {};
    let stopWaiting = (): void => {};
    const found = new Promise<void>((resolve, reject) => {
      const look = (): void => {
        try {
          if (condition()) resolve();
        } catch (error) {
          reject(error as Error);
        }
      };
      const late = new QuorateError('request-timed-out', `not within ${limitMs} ms`);
      stopWaiting = this.#clock.after(limitMs, () => reject(late));
      stopListening = this.#member.onMembership(look);
      signal?.addEventListener('abort', () => reject(canceled), { once: true });
      look();
    });
    await found.finally(() => {
      stopListening();
      stopWaiting();
    });
  }

  /** Says of these URLs that a learner is to come from there. */
  async #announce(peerUrls: readonly string[], options: CallOptions): Promise<void> {
    for (const url of peerUrls) {
      const address = addressIn(url);
      await this.#system((waiting) => this.#member.learners.announce(address, waiting), options);
    }
  }

  async #retract(id: bigint, options: CallOptions): Promise<void> {
    const row = this.#machine.cluster.row(id);
    for (const url of row?.isLearner ? row.peerUrls : []) {
      const address = addressIn(url);
      await this.#system((waiting) => this.#member.learners.retract(address, waiting), options);
    }
  }

  /** Changes the system group, with etcd's words for what goes wrong. */
  async #system(
    change: (waiting: { readonly timeoutMs: number }) => Promise<void>,
    { timeoutMs }: CallOptions,
  ): Promise<void> {
    try {
      await change({ timeoutMs: timeoutMs ?? this.#proposer.requestTimeoutMs });
    } catch (error) {
      throw inEtcdsWords(error);
    }
  }

  async #admin(options: CallOptions): Promise<void> {
    if (this.#machine.rules.enabled) await this.#proposer.readIndex(options);
    this.#machine.rules.checkAdmin(options.caller);
  }

  async #change(command: ClusterCommand, options: CallOptions): Promise<void> {
    await this.#proposer.propose({ type: 'cluster', command }, options);
  }

  /** The member of an id; undefined for one that is announced. @throws `member-not-found` */
  #known(id: bigint): MemberInfo | undefined {
    const info = this.#infos().find((member) => this.idOf(member.id) === id);
    if (info === undefined && this.#machine.cluster.row(id)?.member !== 0) {
      throw new QuorateError('member-not-found', `there is no member ${id.toString(16)}`);
    }
    return info;
  }

  #info(member: number): MemberInfo | undefined {
    return this.#infos().find(({ id }) => id === member);
  }

  #voters(): readonly number[] {
    return this.#infos().flatMap(({ id, awaitsPromotion }) => (awaitsPromotion ? [] : [id]));
  }

  #infos(): readonly MemberInfo[] {
    try {
      return this.#member.members();
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      throw new QuorateError('server-stopped', error.message, { cause: error });
    }
  }

  #members(): readonly ClusterMember[] {
    const started = this.#infos().map((info): ClusterMember => {
      const row = this.#machine.cluster.ofMember(info.id);
      const isLearner = info.awaitsPromotion;
      const peerUrls = row?.peerUrls ?? [`http://${info.address}`];
      const clientUrls = row?.clientUrls ?? [];
      return { id: this.idOf(info.id), name: info.name, peerUrls, clientUrls, isLearner };
    });
    const announced = this.#machine.cluster.rows.filter(({ member }) => member === 0).map(asMember);
    return [...started, ...announced].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Tells the others who this member is, again and again until it is known. */
  #publish(): Promise<void> {
    this.#publishing ??= this.#publishUntilKnown().finally(() => {
      this.#publishing = undefined;
    });
    return this.#publishing;
  }

  async #publishUntilKnown(): Promise<void> {
    while (!this.#closed) {
      try {
        const info = this.#info(this.#self);
        if (info !== undefined) {
          const urls = this.#clientUrls;
          await this.#publishRow(info, urls, this.#peerUrls);
          if (urls === this.#clientUrls) return;
          continue;
        }
      } catch (error) {
        this.#logger.debug({ err: error }, 'this member could not tell its URLs yet');
      }
      await new Promise<void>((resolve) => void this.#clock.after(PUBLISH_AGAIN_MS, resolve));
    }
  }

  async #publishRow(
    { id: member, name, address }: MemberInfo,
    clientUrls?: readonly string[],
    peerUrls?: readonly string[],
  ): Promise<void> {
    const row = this.#machine.cluster.ofMember(member);
    const wanted = {
      peerUrls: peerUrls ?? row?.peerUrls ?? [`http://${address}`],
      clientUrls: clientUrls ?? row?.clientUrls ?? [],
    };
    if (row !== undefined && row.name === name && sameUrls(row, wanted)) return;
    const id = memberIdFor(this.clusterId, member);
    const command: ClusterCommand = { type: 'publish', id, member, name, ...wanted };
    await this.#change(command, {});
  }
}

const nothingSent = { match: 0, active: false };
const canceled = new QuorateError('request-canceled', 'the caller gave up');

/** Where a URL leads, as members write addresses. */
function addressIn(url: string): string {
  return `${new URL(url).hostname}:${/:(\d+)$/.exec(url)![1]}`;
}

function asMember({ id, name, peerUrls, clientUrls, isLearner }: ClusterRow): ClusterMember {
  return { id, name, peerUrls, clientUrls, isLearner };
}

function sameUrls(
  a: Pick<ClusterMember, 'peerUrls' | 'clientUrls'>,
  b: Pick<ClusterMember, 'peerUrls' | 'clientUrls'>,
): boolean {
  return a.peerUrls.join() === b.peerUrls.join() && a.clientUrls.join() === b.clientUrls.join();
}

function checkUrls(urls: readonly string[]): void {
  const valid = urls.length > 0 && urls.every((url) => /^https?:\/\/[^/]+:\d+$/.test(url));
  if (!valid)
    throw new QuorateError('invalid-peer-urls', 'a URL of a member is scheme://host:port');
}

function inEtcdsWords(error: unknown): unknown {
  if (!(error instanceof QuorateError)) return error;
  if (error.code === 'unknown-member') return new QuorateError('member-not-found', error.message);
  if (error.code !== 'unsafe-change') return error;
  return new QuorateError('not-enough-started-members', error.message, { cause: error });
}
