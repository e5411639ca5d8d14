/**
 * `/metrics`: Prometheus's text, under etcd's names where the meaning is the same, so that its
 * dashboards and alerts work.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import type { EndedCall } from '../../grpc/server.ts';
import { statusCodes } from '../../grpc/status.ts';
import type { Kv, KvFigures } from '../../kv/api.ts';
import { clusterVersion, etcdVersion } from '../services/context.ts';

/** Names as etcd has them, with the figure that each shows. */
const gauges: readonly (readonly [string, string, (figures: KvFigures) => number])[] = [
  ['etcd_server_has_leader', 'Whether or not a leader exists.', (f) => Number(f.hasLeader)],
  ['etcd_server_is_leader', 'Whether or not this member is a leader.', (f) => Number(f.isLeader)],
  [
    'etcd_server_is_learner',
    'Whether or not this member is a learner.',
    (f) => Number(f.isLearner),
  ],
  ['etcd_server_proposals_pending', 'Pending proposals to commit.', (f) => f.proposalsPending],
  ['etcd_server_quota_backend_bytes', 'The quota of the store.', (f) => f.dbSizeQuotaBytes],
  ['etcd_mvcc_db_total_size_in_bytes', 'Size of the store.', (f) => f.dbSizeBytes],
  ['etcd_mvcc_db_total_size_in_use_in_bytes', 'Size in use.', (f) => f.dbSizeInUseBytes],
  ['etcd_debugging_mvcc_keys_total', 'Total number of keys.', (f) => f.keys],
  ['etcd_debugging_mvcc_current_revision', 'The current revision.', (f) => f.currentRevision],
  ['etcd_debugging_mvcc_compact_revision', 'The last compaction.', (f) => f.compactRevision],
  ['etcd_debugging_mvcc_watch_stream_total', 'Streams of watches.', (f) => f.watchStreams],
  ['etcd_debugging_mvcc_watcher_total', 'Watches.', (f) => f.watches],
  ['etcd_debugging_mvcc_slow_watcher_total', 'Watches that lag behind.', (f) => f.slowWatches],
  ['etcd_debugging_mvcc_pending_events_total', 'Events to be sent.', (f) => f.pendingEvents],
  ['quorate_leases', 'Leases that are alive.', (f) => f.leases],
];

const counters: readonly (readonly [string, string, (figures: KvFigures) => number])[] = [
  ['etcd_server_leader_changes_seen_total', 'Changes of leader seen.', (f) => f.leaderChanges],
  ['etcd_server_proposals_committed_total', 'Proposals committed.', (f) => f.proposalsCommitted],
  ['etcd_server_proposals_applied_total', 'Proposals applied.', (f) => f.proposalsApplied],
  ['etcd_server_proposals_failed_total', 'Proposals failed.', (f) => f.proposalsFailed],
  ['etcd_mvcc_put_total', 'Puts seen by this member.', (f) => f.puts],
  ['etcd_mvcc_delete_total', 'Deletions seen by this member.', (f) => f.deletions],
  ['etcd_debugging_lease_granted_total', 'Leases granted.', (f) => f.leasesGranted],
  ['etcd_debugging_lease_revoked_total', 'Leases revoked.', (f) => f.leasesRevoked],
  ['etcd_debugging_server_lease_expired_total', 'Leases expired.', (f) => f.leasesExpired],
  ['etcd_debugging_mvcc_events_total', 'Events sent.', (f) => f.eventsSent],
];

/** Go's names, of which one is spelled otherwise than in the standard. */
const codeNames = Object.fromEntries(
  Object.entries(statusCodes).map(([name, code]) => {
    const words = name.replace(/(^|-)(\w)/g, (_match, _dash, letter: string) =>
      letter.toUpperCase(),
    );
    return [code, name === 'ok' ? 'OK' : name === 'cancelled' ? 'Canceled' : words];
  }),
);

/** Upper ends of the histogram's buckets. */
const bucketsMs = [0.5, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

/** What has been counted of one method. */
interface MethodCounts {
  readonly labels: { readonly grpc_service: string; readonly grpc_method: string };
  readonly type: EndedCall['type'];
  readonly codes: Map<number, number>;
  readonly buckets: number[];
  totalMs: number;
}

/** Counts what a server does, and writes it down when asked. */
export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #methods = new Map<string, MethodCounts>();

  constructor(kv: Kv) {
    const registers = [this.#registry];
    for (const [name, help, figure] of gauges) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(figure(kv.figures));
        },
      });
    }
    for (const [name, help, figure] of counters) {
      new Counter({
        name,
        help,
        registers,
        collect() {
          // What is counted below only grows; so does this.
          this.reset();
          this.inc(figure(kv.figures));
        },
      });
    }
    new Gauge({
      name: 'etcd_server_version',
      help: 'Which version is running. 1 for the version in the label.',
      labelNames: ['server_version'],
      registers,
    }).set({ server_version: etcdVersion }, 1);
    new Gauge({
      name: 'etcd_cluster_version',
      help: 'Which version the cluster has. 1 for the version in the label.',
      labelNames: ['cluster_version'],
      registers,
    }).set({ cluster_version: clusterVersion.replace(/\.0$/, '') }, 1);
    const methods = this.#methods;
    new Counter({
      name: 'grpc_server_handled_total',
      help: 'Total number of RPCs completed on the server, regardless of success or failure.',
      labelNames: ['grpc_type', 'grpc_service', 'grpc_method', 'grpc_code'],
      registers,
      collect() {
        this.reset();
        for (const { labels, type, codes } of methods.values()) {
          for (const [code, count] of codes) {
            const grpc_code = codeNames[code] ?? 'Unknown';
            // In the order of the alphabet, as Go's library writes them.
            this.inc({ grpc_code, ...labels, grpc_type: type }, count);
          }
        }
      },
    });
  }

  /** A call has ended. Counted here, and put into words only when somebody asks. */
  ended({ path, type, code, tookMs }: EndedCall): void {
    let method = this.#methods.get(path);
    if (method === undefined) {
      const [, grpc_service = '', grpc_method = ''] = path.split('/');
      const labels = { grpc_method, grpc_service };
      const buckets = new Array<number>(bucketsMs.length + 1).fill(0);
      method = { labels, type, codes: new Map(), buckets, totalMs: 0 };
      this.#methods.set(path, method);
    }
    method.codes.set(code, (method.codes.get(code) ?? 0) + 1);
    let at = 0;
    while (at < bucketsMs.length && tookMs > bucketsMs[at]!) at++;
    method.buckets[at]!++;
    method.totalMs += tookMs;
  }

  async text(): Promise<{ readonly text: string; readonly type: string }> {
    const text = (await this.#registry.metrics()) + this.#durations();
    return { text, type: this.#registry.contentType };
  }

  /** The histogram of unary calls, in Prometheus's text. */
  #durations(): string {
    const name = 'grpc_server_handling_seconds';
    const lines = [`# HELP ${name} Seconds that unary RPCs took.`, `# TYPE ${name} histogram`];
    for (const { labels, type, buckets, totalMs } of this.#methods.values()) {
      if (type !== 'unary') continue;
      const { grpc_method: method, grpc_service } = labels;
      const of = `grpc_method="${method}",grpc_service="${grpc_service}",grpc_type="unary"`;
      let count = 0;
      for (const [at, each] of buckets.entries()) {
        count += each;
        const le = at < bucketsMs.length ? String(bucketsMs[at]! / 1_000) : '+Inf';
        lines.push(`${name}_bucket{${of},le="${le}"} ${count}`);
      }
      lines.push(`${name}_sum{${of}} ${totalMs / 1_000}`, `${name}_count{${of}} ${count}`);
    }
    return `${lines.join('\n')}\n`;
  }
}
