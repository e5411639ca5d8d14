/**
 * What the key-value service can do, for servers and embedding applications: etcd's v3 API as typed
 * calls. A server only translates; all meaning is behind this interface.
 *
 * Every call names its {@link Caller}. While access control is on, a call without one is refused
 * (default deny). Errors are `QuorateError`s; those of `base/etcd-error-codes.ts` carry etcd's text
 * as the code's meaning. Beside what is said at the calls, each may fail with `request-timed-out`
 * (and its variants), `no-leader`, `leader-changed`, `server-stopped`, `request-canceled`,
 * `too-many-requests`, `request-too-large`, `corrupt-cluster`, and where access control is on with
 * `user-name-empty` (no caller), `auth-revision-old`, `access-denied`.
 *
 * Cluster, member and lease ids are unsigned 64 bits (leases signed), hence bigint. Revisions,
 * counts and sizes are exact numbers.
 *
 * Length: one interface with the words it uses, which is read in one piece.
 */
import type { CancelSignal } from '../base/cancel-signal.ts';
import type { QuorateError } from '../base/errors.ts';
import type {
  CompactRequest,
  DeleteRangeRequest,
  DeleteRangeResponse,
  KeyEvent,
  KeyValue,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from '../mvcc/request.ts';

/** Who asks, as {@link Kv.identify} found out. */
export interface Caller {
  readonly user: string;
  /** The revision of the access rules when the token was given; 0: whatever it is now. */
  readonly revision: number;
}

/** What a request brings to prove who sends it. */
export interface Credentials {
  /** From the metadata `token` or `authorization`, without `Bearer `. */
  readonly token?: string | undefined;
  /** The common name of a verified client certificate; never set by the JSON gateway. */
  readonly certificateName?: string | undefined;
}

/** What goes with every call. */
export interface CallOptions {
  /** Undefined: nobody, who may do nothing while access control is on. */
  readonly caller?: Caller | undefined;
  /** The client gave up: the call fails as `request-canceled`. */
  readonly signal?: CancelSignal | undefined;
  /** Less than the service's own limit (5 s and two election timeouts); beyond: `request-timed-out`. */
  readonly timeoutMs?: number | undefined;
}

export interface ReadOptions extends CallOptions {
  /** Answer from what this member has applied, without asking the others. */
  readonly serializable?: boolean | undefined;
}

/** What etcd's response headers say beside the revision of the response itself. */
export interface HeaderFacts {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly raftTerm: number;
  /** The current revision of this member: for headers whose response has none of its own. */
  readonly revision: number;
}

export interface LeaseStatus {
  readonly id: bigint;
  /** Seconds left; −1 for a lease that is not there. */
  readonly ttlSeconds: number;
  readonly grantedTtlSeconds: number;
  /** Empty unless asked for. */
  readonly keys: readonly Uint8Array[];
}

export interface LeaseGranted {
  readonly id: bigint;
  /** What was granted, which may be more than was asked for. */
  readonly ttlSeconds: number;
}

export interface WatchCreateRequest {
  /** Empty means the single byte 0, the first of all keys. */
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  /** 0: from now on; else the first revision to be told of. */
  readonly startRevision: number;
  /** Tell now and then how far this watch has come, if nothing happens. */
  readonly progressNotify: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly prevKv: boolean;
  /** 0n: the service chooses. */
  readonly watchId: bigint;
  /** Events of one revision may be split over several responses. */
  readonly fragment: boolean;
}

/** One message to a watching client. */
export interface WatchResponse {
  /** For the header: the revision up to which this watch has been told everything; may be 0. */
  readonly revision: number;
  /** −1n: speaks of the whole stream, or of a watch that was refused. */
  readonly watchId: bigint;
  readonly created: boolean;
  readonly canceled: boolean;
  /** Why it was canceled, where there is something to say: etcd's text is in its code. */
  readonly cancelReason: QuorateError | undefined;
  /** Not 0 where the watch asked for revisions below this one, which are gone. */
  readonly compactRevision: number;
  /** More events of the same revision follow in the next response. */
  readonly fragment: boolean;
  readonly events: readonly KeyEvent[];
}

/** Takes what a stream of watches says. */
export interface WatchSink {
  /**
   * Takes one message. False asks to wait until {@link WatchStream.resume}; the message is taken
   * all the same.
   */
  send(response: WatchResponse): boolean;
  /** The stream is over for a reason of the service's: `no-leader`, `server-stopped`. */
  ended(error: QuorateError): void;
}

export interface WatchStreamOptions {
  readonly caller?: Caller | undefined;
  /** End the stream as `no-leader` after three election timeouts without one. */
  readonly requireLeader?: boolean | undefined;
  /** Where responses of watches with `fragment` are split. Default 2 MiB + 512 KiB. */
  readonly fragmentBytesMax?: number | undefined;
}

/** A client's stream of watches. None of its calls throws: answers, refusals too, go to the sink. */
export interface WatchStream {
  create(request: WatchCreateRequest): void;
  /** An unknown id is passed over. */
  cancel(watchId: bigint): void;
  /** Answered once every watch of the stream has been told everything. */
  progress(): void;
  /** The sink takes messages again. */
  resume(): void;
  close(): void;
}

/** Proof of having won an election. */
export interface LeaderKey {
  readonly name: Uint8Array;
  readonly key: Uint8Array;
  /** The creation revision of the key: a fencing token, which grows from leader to leader. */
  readonly revision: number;
  readonly lease: bigint;
}

export interface LockResponse {
  readonly key: Uint8Array;
  /** The creation revision of the key: a fencing token, which grows from holder to holder. */
  readonly fencingToken: number;
  readonly revision: number;
}

export interface ClusterMember {
  readonly id: bigint;
  /** Empty for a member that was added and has not started yet. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

export interface MemberAdded {
  readonly member: ClusterMember;
  readonly members: readonly ClusterMember[];
}

export interface KvStatus {
  readonly dbSizeBytes: number;
  readonly dbSizeInUseBytes: number;
  readonly dbSizeQuotaBytes: number;
  /** 0n: none is known. */
  readonly leader: bigint;
  readonly raftIndex: number;
  readonly raftTerm: number;
  readonly raftAppliedIndex: number;
  readonly isLearner: boolean;
  /** What is wrong: no leader, alarms. */
  readonly errors: readonly ('no-leader' | 'no-space' | 'corrupt')[];
}

export type AlarmType = 'no-space' | 'corrupt';

export interface Alarm {
  readonly memberId: bigint;
  readonly alarm: AlarmType;
}

export interface AlarmRequest {
  readonly action: 'get' | 'activate' | 'deactivate';
  /** 0n: this member's to activate; any to get or deactivate. */
  readonly memberId: bigint;
  /** Undefined: any. */
  readonly alarm: AlarmType | undefined;
}

export interface HashKvResponse {
  /** 32 bits without sign. */
  readonly hash: number;
  readonly compactRevision: number;
  readonly hashRevision: number;
}

/** A snapshot on its way: the bytes of a bbolt file, then 32 bytes of its SHA-256. */
export interface SnapshotStream {
  /** All bytes of {@link SnapshotStream.chunks} together. */
  readonly sizeBytes: number;
  /** Of at most 32 KiB; the last one is the checksum. Ending the walk early frees what it holds. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

export type PermissionType = 'read' | 'write' | 'read-write';

export interface Permission {
  readonly type: PermissionType;
  readonly key: Uint8Array;
  /** As in ranges: empty for the one key, a zero byte for all from it on. */
  readonly rangeEnd: Uint8Array;
}

export interface UserAddRequest {
  readonly name: string;
  readonly password: string;
  /** The user cannot log in by password. */
  readonly noPassword: boolean;
  /** In base64, hashed by the client; replaces `password`. Etcd's bcrypt. */
  readonly hashedPassword: string;
}

/** Keys, transactions and history. */
export interface KvKeys {
  range(request: RangeRequest, options?: ReadOptions): Promise<RangeResponse>;
  /** A large range in parts that all show one revision; `more` and `count` are in the last. */
  rangeStream(request: RangeRequest, options?: ReadOptions): AsyncIterable<RangeResponse>;
  put(request: PutRequest, options?: CallOptions): Promise<PutResponse>;
  deleteRange(request: DeleteRangeRequest, options?: CallOptions): Promise<DeleteRangeResponse>;
  /** `serializable` holds where nothing is written, as etcd has it for transactions of such ranges. */
  txn(request: TxnRequest, options?: ReadOptions): Promise<TxnResponse>;
  compact(
    request: CompactRequest & {
      /** Answer only when the space is free. */
      readonly physical: boolean;
    },
    options?: CallOptions,
  ): Promise<{ readonly revision: number }>;
  watch(sink: WatchSink, options?: WatchStreamOptions): WatchStream;
}

export interface KvLeases {
  /** `id` 0n: the service chooses. @throws `lease-exists`, `lease-ttl-too-large`, `no-space` */
  leaseGrant(
    request: { readonly id: bigint; readonly ttlSeconds: number },
    options?: CallOptions,
  ): Promise<LeaseGranted>;
  /** @throws `lease-not-found` */
  leaseRevoke(id: bigint, options?: CallOptions): Promise<{ readonly revision: number }>;
  /** A TTL of 0 says that there is no such lease. */
  leaseKeepAlive(id: bigint, options?: CallOptions): Promise<LeaseGranted>;
  leaseTimeToLive(
    request: { readonly id: bigint; readonly keys: boolean },
    options?: CallOptions,
  ): Promise<LeaseStatus>;
  leases(options?: CallOptions): Promise<readonly bigint[]>;
}

/** Locks and elections, as etcd's v3lock and v3election do them. */
export interface KvElections {
  /** Waits until the lock is held; a `signal` withdraws. The lease must live. */
  lock(
    request: { readonly name: Uint8Array; readonly lease: bigint },
    options?: CallOptions,
  ): Promise<LockResponse>;
  unlock(key: Uint8Array, options?: CallOptions): Promise<{ readonly revision: number }>;
  /** Waits until elected. */
  campaign(
    request: { readonly name: Uint8Array; readonly lease: bigint; readonly value: Uint8Array },
    options?: CallOptions,
  ): Promise<{ readonly leader: LeaderKey; readonly revision: number }>;
  /** @throws `election-not-leader`, `election-leader-missing` */
  proclaim(
    request: { readonly leader: LeaderKey | undefined; readonly value: Uint8Array },
    options?: CallOptions,
  ): Promise<{ readonly revision: number }>;
  /** @throws `election-no-leader` */
  leader(
    name: Uint8Array,
    options?: CallOptions,
  ): Promise<{ readonly kv: KeyValue; readonly revision: number }>;
  /** Each leader and each of its proclamations, from the present one on; ends with `signal`. */
  observe(
    name: Uint8Array,
    options?: CallOptions,
  ): AsyncIterable<{ readonly kv: KeyValue; readonly revision: number }>;
  resign(
    leader: LeaderKey | undefined,
    options?: CallOptions,
  ): Promise<{ readonly revision: number }>;
}

/** Users, roles and who may do what. */
export interface KvAuth {
  /**
   * Finds out who sends a request; undefined for nobody, or while access control is off. A promise
   * only where this member has yet to learn of a token.
   * @throws (or rejects with) QuorateError `invalid-auth-token`
   */
  identify(credentials: Credentials): Caller | undefined | Promise<Caller | undefined>;
  authEnable(options?: CallOptions): Promise<void>;
  authDisable(options?: CallOptions): Promise<void>;
  authStatus(
    options?: CallOptions,
  ): Promise<{ readonly enabled: boolean; readonly authRevision: number }>;
  /** @returns a token. @throws `authentication-failed`, `auth-not-enabled`, `too-many-attempts` */
  authenticate(
    request: { readonly name: string; readonly password: string },
    options?: CallOptions,
  ): Promise<string>;
  userAdd(request: UserAddRequest, options?: CallOptions): Promise<void>;
  userGet(name: string, options?: CallOptions): Promise<readonly string[]>;
  userList(options?: CallOptions): Promise<readonly string[]>;
  userDelete(name: string, options?: CallOptions): Promise<void>;
  userChangePassword(
    request: Omit<UserAddRequest, 'noPassword'>,
    options?: CallOptions,
  ): Promise<void>;
  userGrantRole(
    request: { readonly user: string; readonly role: string },
    options?: CallOptions,
  ): Promise<void>;
  userRevokeRole(
    request: { readonly user: string; readonly role: string },
    options?: CallOptions,
  ): Promise<void>;
  roleAdd(name: string, options?: CallOptions): Promise<void>;
  roleGet(name: string, options?: CallOptions): Promise<readonly Permission[]>;
  roleList(options?: CallOptions): Promise<readonly string[]>;
  roleDelete(name: string, options?: CallOptions): Promise<void>;
  /** `permission` undefined: `permission-not-given`. */
  roleGrantPermission(
    request: { readonly role: string; readonly permission: Permission | undefined },
    options?: CallOptions,
  ): Promise<void>;
  roleRevokePermission(
    request: { readonly role: string; readonly key: Uint8Array; readonly rangeEnd: Uint8Array },
    options?: CallOptions,
  ): Promise<void>;
}

export interface KvCluster {
  memberList(
    options?: CallOptions & { readonly linearizable?: boolean | undefined },
  ): Promise<readonly ClusterMember[]>;
  /** Announces a member, which then starts with `join`. @throws `invalid-peer-urls`, `peer-urls-exist` */
  memberAdd(
    request: { readonly peerUrls: readonly string[]; readonly isLearner: boolean },
    options?: CallOptions,
  ): Promise<MemberAdded>;
  memberRemove(id: bigint, options?: CallOptions): Promise<readonly ClusterMember[]>;
  memberUpdate(
    request: { readonly id: bigint; readonly peerUrls: readonly string[] },
    options?: CallOptions,
  ): Promise<readonly ClusterMember[]>;
  memberPromote(id: bigint, options?: CallOptions): Promise<readonly ClusterMember[]>;
}

export interface KvMaintenance {
  status(options?: CallOptions): Promise<KvStatus>;
  alarm(request: AlarmRequest, options?: CallOptions): Promise<readonly Alarm[]>;
  /** Space is reclaimed all the time: this only answers. */
  defragment(options?: CallOptions): Promise<void>;
  hash(options?: CallOptions): Promise<number>;
  /** `revision` 0: the latest. @throws `compacted`, `future-revision` */
  hashKv(revision: number, options?: CallOptions): Promise<HashKvResponse>;
  snapshot(options?: CallOptions): Promise<SnapshotStream>;
  /** @throws `not-leader`, `bad-leader-transferee` */
  moveLeader(target: bigint, options?: CallOptions): Promise<void>;
  /** @returns the cluster's version. @throws `invalid-downgrade-version`, `wrong-downgrade-version-format` */
  downgrade(
    request: { readonly action: 'validate' | 'enable' | 'cancel'; readonly version: string },
    options?: CallOptions,
  ): Promise<string>;
}

/** What is of interest to whoever embeds or measures the service. */
export interface KvLocal {
  header(): HeaderFacts;
  readonly clusterId: bigint;
  readonly memberId: bigint;
  /** Whether this member leads, the leader's id or 0n, and whenever that changes. */
  /** Whether this member awaits its promotion, and so shall not serve what learners do not. */
  readonly isLearner: boolean;
  readonly isLeader: boolean;
  readonly leaderId: bigint;
  /** Fires at once when leadership changes, and once now; returns how to stop that. */
  onLeadership(
    listener: (leadership: {
      readonly isLeader: boolean;
      readonly leaderId: bigint;
      readonly term: number;
    }) => void,
  ): () => void;
  /** For `/health`: why this member cannot serve, or nothing. */
  health(options?: {
    readonly serializable?: boolean;
    readonly excludeAlarms?: boolean;
  }): Promise<'healthy' | 'no-leader' | 'no-space' | 'corrupt' | 'read-failed' | 'auth-failed'>;
  /** Counters and sizes for metrics, by name. */
  readonly figures: KvFigures;
  /** What this member tells the others of itself, for member lists; settles when they know. */
  setClientUrls(urls: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Since the start of the process, except sizes, which are as of now. */
export interface KvFigures {
  readonly currentRevision: number;
  readonly compactRevision: number;
  readonly keys: number;
  /** Puts and deletions that were applied here. */
  readonly puts: number;
  readonly deletions: number;
  readonly dbSizeBytes: number;
  readonly dbSizeInUseBytes: number;
  readonly dbSizeQuotaBytes: number;
  readonly leases: number;
  readonly leasesGranted: number;
  readonly leasesRevoked: number;
  readonly leasesExpired: number;
  readonly watchStreams: number;
  readonly watches: number;
  readonly slowWatches: number;
  readonly eventsSent: number;
  readonly pendingEvents: number;
  readonly proposalsPending: number;
  readonly proposalsApplied: number;
  readonly proposalsCommitted: number;
  readonly proposalsFailed: number;
  readonly leaderChanges: number;
  readonly hasLeader: boolean;
  readonly isLeader: boolean;
  readonly isLearner: boolean;
}

/** The running service on one member. Made by `openKv`. */
export interface Kv
  extends KvKeys,
    KvLeases,
    KvElections,
    KvAuth,
    KvCluster,
    KvMaintenance,
    KvLocal {}
