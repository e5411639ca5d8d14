/**
 * Opens the key-value service on a member: a group with the machine, and what serves around it.
 */
import { QuorateError } from '../base/errors.ts';
import type { Member } from '../member/member.ts';
import type { Bcrypt } from '../ports/bcrypt.ts';
import type { Logger } from '../ports/logger.ts';
import type { Ports } from '../ports/ports.ts';
import type { Store } from '../ports/store.ts';
import { LayeredStore } from '../store/layered-store.ts';
import { MemoryStore } from '../store/memory-store.ts';
import type { Kv } from './api.ts';
import { AuthService, type TokenOptions } from './auth-service.ts';
import { ClusterService } from './cluster-service.ts';
import { Elections } from './elections.ts';
import { type AutoCompaction, Housekeeping } from './housekeeping.ts';
import { Keys } from './keys.ts';
import { LeaseService } from './lease-service.ts';
import { KvMachine } from './machine.ts';
import { Maintenance } from './maintenance.ts';
import { Proposer } from './proposer.ts';
import { KvService } from './service.ts';
import { WatchHub } from './watch/watch-hub.ts';

/** How the service is opened. All members of a cluster shall be opened alike. */
export interface KvOptions {
  readonly member: Member;
  readonly ports: Pick<Ports, 'clock' | 'random' | 'crypto' | 'stores'>;
  readonly logger: Logger;
  /** What the member's elections take: its `tickMs` times `electionTicks`. */
  readonly electionTimeoutMs: number;
  /** Several services may live in one cluster. Default `kv`. */
  readonly groupName?: string | undefined;
  /** Whether the state lives in a store in the member's directory, or in memory. Default disk. */
  readonly store?: 'memory' | 'disk' | undefined;
  /** A machine made by {@link openKvMachine} beforehand, for who wants to hear what it applies. */
  readonly machine?: KvMachine | undefined;
  /** Where clients and other members reach this one, for member lists. */
  readonly clientUrls?: readonly string[] | undefined;
  readonly peerUrls?: readonly string[] | undefined;
  /** Bytes of a request, in the log. Default 1.5 MiB. */
  readonly requestBytesMax?: number | undefined;
  /** Learners that await their promotion at a time. Default 1. */
  readonly learnersMax?: number | undefined;
  /**
   * Whether a member is neither added nor removed while so many are away, or were a moment ago, that
   * a majority would be near its end: etcd's `strict-reconfig-check`. Default false.
   */
  readonly strictReconfiguration?: boolean | undefined;
  readonly transactionOperationsMax?: number | undefined;
  /** Bytes in use from which on nothing is put any more; 0: 2 GiB, negative: none. */
  readonly quotaBytes?: number | undefined;
  readonly autoCompaction?: AutoCompaction | undefined;
  readonly token?: TokenOptions | undefined;
  /** Checks passwords that came from an etcd; without, those users need new ones. */
  readonly bcrypt?: Bcrypt | undefined;
  readonly watchProgressIntervalMs?: number | undefined;
  /** How long to wait for the group to be there. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const QUOTA_BYTES = 2 ** 31;
const REQUEST_BYTES_MAX = 1_572_864;
const PROGRESS_INTERVAL_MS = 600_000;
const OPENING_MS = 60_000;

/**
 * Opens the service, and takes part in its group from then on. The member stays its owner's: it is
 * closed after the service.
 *
 * @throws QuorateError `group-open`, `timeout`, `aborted`, `closing`, `disk-failed`, `store-damaged`
 */
export async function openKv(options: KvOptions): Promise<Kv> {
  const { member, ports, logger, electionTimeoutMs } = options;
  const { clock, random, crypto } = ports;
  const machine = options.machine ?? (await openKvMachine(options));
  const group = await member.group(options.groupName ?? 'kv', machine, {
    timeoutMs: options.timeoutMs ?? OPENING_MS,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const proposer = new Proposer({
    group,
    clock,
    electionTimeoutMs,
    requestBytesMax: options.requestBytesMax ?? REQUEST_BYTES_MAX,
  });
  const { clientUrls = [], peerUrls } = options;
  const base = { member, proposer, machine, clock, random, crypto, logger };
  const { learnersMax = 1, strictReconfiguration: strict = false } = options;
  const cluster = new ClusterService({ ...base, clientUrls, peerUrls, learnersMax, strict });
  try {
    await cluster.known({ signal: options.signal, timeoutMs: options.timeoutMs ?? OPENING_MS });
  } catch (error) {
    cluster.close();
    proposer.close();
    throw error;
  }
  const housekeeping = new Housekeeping({
    ...base,
    memberId: () => cluster.memberId,
    quotaBytes: quotaOf(options.quotaBytes ?? 0),
    autoCompaction: options.autoCompaction ?? { mode: 'periodic', retention: 0 },
  });
  const hub = new WatchHub({
    source: {
      get revision() {
        return machine.model.revision;
      },
      get isWhole() {
        return machine.isWhole;
      },
      get compactRevision() {
        return machine.model.compactRevision;
      },
      history: (request) => machine.model.history(request),
      check: (caller, range) => machine.rules.checkRange(caller, 'read', range),
    },
    clock,
    random,
    progressIntervalMs: options.watchProgressIntervalMs ?? PROGRESS_INTERVAL_MS,
  });
  const operationsMax = options.transactionOperationsMax ?? 128;
  const keys = new Keys({ ...base, hub, housekeeping, operationsMax });
  const leases = new LeaseService(base);
  return new KvService({
    ...base,
    cluster,
    housekeeping,
    hub,
    keys,
    leases,
    elections: new Elections(keys, leases),
    auth: new AuthService({ ...base, token: options.token ?? {}, bcrypt: options.bcrypt }),
    maintenance: new Maintenance({ ...base, cluster, housekeeping }),
  });
}

/**
 * Opens the store of a machine that {@link openKv} takes; it is closed when the member has ended.
 * @throws QuorateError `disk-failed`, `store-damaged`
 */
export async function openKvMachine(
  options: Pick<KvOptions, 'member' | 'ports' | 'store' | 'groupName' | 'transactionOperationsMax'>,
): Promise<KvMachine> {
  const store = await openStore(options);
  // The machine is the member's as long as that lives, also when nobody serves it any more.
  void options.member.closed.then(() => store.close(() => {}));
  const { transactionOperationsMax } = options;
  return new KvMachine(new LayeredStore(store), {
    ...(transactionOperationsMax === undefined ? {} : { transactionOperationsMax }),
    kept: options.store !== 'memory',
  });
}

function openStore({
  store,
  ports,
  groupName = 'kv',
}: Pick<KvOptions, 'store' | 'ports' | 'groupName'>): Promise<Store> {
  if (store === 'memory') {
    return Promise.resolve(new MemoryStore((callback) => void ports.clock.after(0, callback)));
  }
  return new Promise((resolve, reject) => {
    ports.stores.open(`store/${groupName}`, (answer) => {
      if (answer instanceof QuorateError) reject(answer);
      else resolve(answer);
    });
  });
}

function quotaOf(quotaBytes: number): number {
  if (quotaBytes < 0) return Number.POSITIVE_INFINITY;
  return quotaBytes === 0 ? QUOTA_BYTES : quotaBytes;
}
