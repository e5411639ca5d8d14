/**
 * Members in etcd's words. Which there are is the system group's business; here they get 64-bit ids
 * and URLs, and those who are announced wait for their start without counting for anything: adding a
 * member can never cost the quorum.
 */
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
import type { Proposer } from './proposer.ts';

const PUBLISH_AGAIN_MS = 500;

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
  #publishing = false;
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
    this.clusterId = memberIdFor(0n, init.member.engine.system.state.clusterId);
    void this.#publish();
  }

  close(): void {
    this.#closed = true;
  }

  get memberId(): bigint {
    return this.idOf(this.#self);
  }

  /** The 64-bit id of a member; 0n for nobody. */
  idOf(member: number): bigint {
    if (member === 0) return 0n;
    return this.#machine.cluster.ofMember(member)?.id ?? memberIdFor(this.clusterId, member);
  }

  setClientUrls(urls: readonly string[]): void {
    this.#clientUrls = urls;
    void this.#publish();
  }

  /** Whether this member is a learner. */
  get isLearner(): boolean {
    try {
      return this.#info(this.#self)?.role !== 'voter';
    } catch {
      return false;
    }
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
    if (isLearner && members.some((member) => member.isLearner)) {
      throw new QuorateError('too-many-learners', 'there is a learner already');
    }
    const id = (BigInt(this.#random.uint32()) << 32n) | BigInt(this.#random.uint32()) | 1n;
    await this.#change({ type: 'add', id, peerUrls, isLearner }, options);
    const member = { id, name: '', peerUrls, clientUrls: [], isLearner };
    return { member, members: this.#members() };
  }

  async memberRemove(id: bigint, options: CallOptions = {}): Promise<readonly ClusterMember[]> {
    await this.#admin(options);
    const info = this.#known(id);
    if (info !== undefined) {
      try {
        await this.#member.removeMember(info.id);
      } catch (error) {
        throw inEtcdsWords(error);
      }
    }
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
    await this.#change({ type: 'update', id, peerUrls }, options);
    if (info !== undefined) {
      const { host } = new URL(peerUrls[0]!);
      if (host !== info.address) await this.#member.setMemberAddress(info.id, host);
    }
    return this.#members();
  }

  async memberPromote(id: bigint, options: CallOptions = {}): Promise<readonly ClusterMember[]> {
    await this.#admin(options);
    const info = this.#known(id);
    const row = this.#machine.cluster.row(id);
    if (info?.role === 'voter' && row?.isLearner !== true) {
      throw new QuorateError('not-a-learner', 'this member votes already');
    }
    // A member that has caught up votes by itself; before, nothing can make it.
    if (info?.role !== 'voter') throw new QuorateError('learner-not-ready', 'not caught up yet');
    await this.#change({ type: 'promote', id }, options);
    return this.#members();
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
      const isLearner = info.role !== 'voter' || row?.isLearner === true;
      const peerUrls = row?.peerUrls ?? [`http://${info.address}`];
      const clientUrls = row?.clientUrls ?? [];
      return { id: this.idOf(info.id), name: info.name, peerUrls, clientUrls, isLearner };
    });
    const announced = this.#machine.cluster.rows.filter(({ member }) => member === 0).map(asMember);
    return [...started, ...announced].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Tells the others who this member is, again and again until it is known. */
  async #publish(): Promise<void> {
    if (this.#publishing) return;
    this.#publishing = true;
    while (!this.#closed) {
      try {
        const info = this.#info(this.#self);
        if (info !== undefined) {
          const urls = this.#clientUrls;
          await this.#publishRow(info, urls, this.#peerUrls);
          if (urls === this.#clientUrls) break;
          continue;
        }
      } catch (error) {
        this.#logger.debug({ err: error }, 'this member could not tell its URLs yet');
      }
      await new Promise<void>((resolve) => void this.#clock.after(PUBLISH_AGAIN_MS, resolve));
    }
    this.#publishing = false;
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
