/**
 * etcd's flags: their kinds and defaults, and what becomes of each here. The same table reads the
 * command line, the environment (`ETCD_` or `QUORATE_` and the name in capitals) and the
 * configuration file, so that the three cannot drift apart.
 *
 * Source: etcd 3.6, server/etcdmain/config.go; shared meanings in its configuration guide.
 */

/** How a flag's text is read. */
export type FlagKind = 'text' | 'switch' | 'whole' | 'duration' | 'list';

/** One flag. */
export interface Flag {
  readonly kind: FlagKind;
  /** As it would be written. */
  readonly standard: string;
  /** Says why the flag is taken and has no effect; undefined for those that have one. */
  readonly without?: string;
}

const flag = (kind: FlagKind, standard = ''): Flag => ({ kind, standard });
const ignored = (kind: FlagKind, without: string): Flag => ({ kind, standard: '', without });

const ownLog = "Quorate's log has its own files and sizes";
const noV2 = 'there is no v2 API';
const ownStore = "Quorate's store has its own settings";
const ownReads = 'Quorate does it always, or in its own way';
const ownLogger = 'Quorate logs lines of JSON';

export const flagTable = {
  name: flag('text', 'default'),
  'data-dir': flag('text'),
  'wal-dir': ignored('text', 'the log lies in the data directory'),
  'config-file': flag('text'),
  'listen-client-urls': flag('list', 'http://localhost:2379'),
  'listen-client-http-urls': ignored('list', 'gRPC and HTTP share their port'),
  'advertise-client-urls': flag('list', 'http://localhost:2379'),
  'listen-peer-urls': flag('list', 'http://localhost:2380'),
  'initial-advertise-peer-urls': flag('list', 'http://localhost:2380'),
  'initial-cluster': flag('text'),
  'initial-cluster-state': flag('text', 'new'),
  'initial-cluster-token': flag('text', 'etcd-cluster'),
  'heartbeat-interval': flag('whole', '100'),
  'election-timeout': flag('whole', '1000'),
  'initial-election-tick-advance': ignored('switch', ownReads),
  'snapshot-count': ignored('whole', ownLog),
  'snapshot-catchup-entries': ignored('whole', ownLog),
  'experimental-snapshot-catchup-entries': ignored('whole', ownLog),
  'max-wals': ignored('whole', ownLog),
  'max-snapshots': ignored('whole', ownLog),
  'quota-backend-bytes': flag('whole', '0'),
  'max-request-bytes': flag('whole', '1572864'),
  'max-txn-ops': flag('whole', '128'),
  'max-concurrent-streams': flag('whole', '4096'),
  'max-learners': flag('whole', '1'),
  'auto-compaction-mode': flag('text', 'periodic'),
  'auto-compaction-retention': flag('text', '0'),
  'strict-reconfig-check': flag('switch', 'true'),
  'pre-vote': ignored('switch', 'there is no voting without asking first'),
  'force-new-cluster': flag('switch', 'false'),
  'auth-token': flag('text', 'simple'),
  'auth-token-ttl': flag('whole', '300'),
  'bcrypt-cost': ignored('whole', 'passwords are hashed with scrypt'),
  'grpc-keepalive-min-time': flag('duration', '5s'),
  'grpc-keepalive-interval': flag('duration', '2h'),
  'grpc-keepalive-timeout': flag('duration', '20s'),
  'watch-progress-notify-interval': flag('duration', '10m'),
  'listen-metrics-urls': flag('list'),
  metrics: ignored('text', 'there is one set of metrics'),
  'cert-file': flag('text'),
  'key-file': flag('text'),
  'trusted-ca-file': flag('text'),
  'client-cert-auth': flag('switch', 'false'),
  'client-crl-file': flag('text'),
  'client-cert-file': ignored('text', 'the gateway needs no certificate of its own'),
  'client-key-file': ignored('text', 'the gateway needs no certificate of its own'),
  'auto-tls': flag('switch', 'false'),
  'peer-cert-file': flag('text'),
  'peer-key-file': flag('text'),
  'peer-trusted-ca-file': flag('text'),
  'peer-client-cert-auth': flag('switch', 'false'),
  'peer-crl-file': flag('text'),
  'peer-auto-tls': flag('switch', 'false'),
  'self-signed-cert-validity': flag('whole', '1'),
  'tls-min-version': ignored('text', 'TLS 1.2 is the least'),
  'tls-max-version': ignored('text', 'the newest TLS is spoken'),
  'cipher-suites': ignored('list', "the platform's suites are safe"),
  'host-whitelist': flag('list'),
  cors: flag('list'),
  'strict-security': flag('switch', 'false'),
  store: flag('text', 'disk'),
  'log-level': flag('text', 'info'),
  logger: ignored('text', ownLogger),
  'log-outputs': ignored('list', ownLogger),
  'log-format': ignored('text', ownLogger),
  'enable-v2': ignored('switch', noV2),
  'v2-deprecation': ignored('text', noV2),
  'enable-grpc-gateway': flag('switch', 'true'),
  'enable-pprof': ignored('switch', "Node's own inspector does that"),
  'socket-reuse-port': ignored('switch', 'sockets are not shared'),
  'socket-reuse-address': ignored('switch', 'sockets are not shared'),
  'backend-batch-interval': ignored('duration', ownStore),
  'backend-batch-limit': ignored('whole', ownStore),
  'backend-bbolt-freelist-type': ignored('text', ownStore),
  'unsafe-no-fsync': ignored('switch', 'nothing is acknowledged that is not on disk'),
  'experimental-initial-corrupt-check': ignored('switch', ownReads),
  'experimental-corrupt-check-time': ignored('duration', ownReads),
  'experimental-compact-hash-check-enabled': ignored('switch', ownReads),
  'experimental-watch-progress-notify-interval': flag('duration'),
  'experimental-compaction-batch-limit': ignored('whole', ownStore),
  'experimental-enable-lease-checkpoint': ignored('switch', ownReads),
  'experimental-warning-apply-duration': ignored('duration', ownReads),
} as const satisfies Readonly<Record<string, Flag>>;

/** A flag's name, without dashes. */
export type FlagName = keyof typeof flagTable;

export function isFlagName(name: string): name is FlagName {
  return Object.hasOwn(flagTable, name);
}

/** Names of the configuration file that lie in a section, by section: etcd's form. */
export const fileSections: Readonly<Record<string, Readonly<Record<string, FlagName>>>> = {
  'client-transport-security': {
    'cert-file': 'cert-file',
    'key-file': 'key-file',
    'client-cert-file': 'client-cert-file',
    'client-key-file': 'client-key-file',
    'trusted-ca-file': 'trusted-ca-file',
    'client-cert-auth': 'client-cert-auth',
    'crl-file': 'client-crl-file',
    'auto-tls': 'auto-tls',
  },
  'peer-transport-security': {
    'cert-file': 'peer-cert-file',
    'key-file': 'peer-key-file',
    'trusted-ca-file': 'peer-trusted-ca-file',
    'client-cert-auth': 'peer-client-cert-auth',
    'crl-file': 'peer-crl-file',
    'auto-tls': 'peer-auto-tls',
  },
};
