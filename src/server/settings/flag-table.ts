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
  /** Says why nothing but the default is taken: the server would do something else than is asked. */
  readonly refused?: string;
}

const flag = (kind: FlagKind, standard = ''): Flag => ({ kind, standard });
const ignored = (kind: FlagKind, without: string): Flag => ({ kind, standard: '', without });
const refused = (kind: FlagKind, why: string): Flag => ({ kind, standard: '', refused: why });

const ownLog = "Quorate's log has its own files and sizes";
/** etcd's own words, which its users know. */
const late = 'is deprecated in 3.6 and will be decommissioned in 3.8';
const noV2 = 'there is no v2 API';
const ownStore = "Quorate's store has its own settings";
const ownReads = 'Quorate does it always, or in its own way';
const ownLogger = "the log is zap's lines of JSON, on standard error";
const noTraces = 'there are metrics, and no traces';
const noDiscovery = 'there are no discovery services: initial-cluster names the members';
const steadily = 'space is reclaimed all the time, a little at once';
const ownPace = 'connections between members have their own pace';

export const flagTable = {
  name: flag('text', 'default'),
  'data-dir': flag('text'),
  'wal-dir': ignored('text', 'the log lies in the data directory'),
  'config-file': flag('text'),
  'listen-client-urls': flag('list', 'http://localhost:2379'),
  'listen-client-http-urls': flag('list'),
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
  'max-wals': ignored('whole', `--max-wals ${late}`),
  'max-snapshots': ignored('whole', `--max-snapshots ${late}`),
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
  'client-cert-allowed-hostname': flag('list'),
  'client-cert-file': ignored('text', 'the gateway needs no certificate of its own'),
  'client-key-file': ignored('text', 'the gateway needs no certificate of its own'),
  'auto-tls': flag('switch', 'false'),
  'peer-cert-file': flag('text'),
  'peer-key-file': flag('text'),
  'peer-trusted-ca-file': flag('text'),
  'peer-client-cert-auth': flag('switch', 'false'),
  'peer-crl-file': flag('text'),
  'peer-auto-tls': flag('switch', 'false'),
  'peer-cert-allowed-cn': flag('list'),
  'peer-cert-allowed-hostname': flag('list'),
  'peer-client-cert-file': flag('text'),
  'peer-client-key-file': flag('text'),
  'peer-skip-client-san-verification': ignored('switch', 'names of who listens are verified'),
  'self-signed-cert-validity': flag('whole', '1'),
  'tls-min-version': flag('text', 'TLS1.2'),
  'tls-max-version': flag('text'),
  'cipher-suites': flag('list'),
  'host-whitelist': flag('list'),
  cors: flag('list'),
  'strict-security': flag('switch', 'false'),
  store: flag('text', 'disk'),
  'log-level': flag('text', 'info'),
  logger: ignored('text', ownLogger),
  'log-outputs': ignored('list', ownLogger),
  'log-format': ignored('text', ownLogger),
  'enable-v2': ignored('switch', noV2),
  'v2-deprecation': ignored(
    'text',
    '--v2-deprecation is deprecated and scheduled for removal in v3.8. ' +
      'The default value is enforced, ignoring user input',
  ),
  'enable-grpc-gateway': flag('switch', 'true'),
  'enable-pprof': ignored('switch', "Node's own inspector does that"),
  'socket-reuse-port': ignored('switch', 'sockets are not shared'),
  'socket-reuse-address': ignored('switch', 'sockets are not shared'),
  'backend-batch-interval': ignored('duration', ownStore),
  'backend-batch-limit': ignored('whole', ownStore),
  'backend-bbolt-freelist-type': ignored('text', ownStore),
  'unsafe-no-fsync': ignored('switch', 'nothing is acknowledged that is not on disk'),
  'experimental-initial-corrupt-check': ignored('switch', ownReads),
  'experimental-compact-hash-check-enabled': ignored('switch', ownReads),
  'experimental-enable-lease-checkpoint': ignored('switch', ownReads),
  'experimental-enable-lease-checkpoint-persist': ignored('switch', ownReads),
  'experimental-stop-grpc-service-on-defrag': ignored('switch', steadily),
  'experimental-txn-mode-write-with-shared-buffer': ignored('switch', ownStore),
  'corrupt-check-time': ignored('duration', ownReads),
  'compact-hash-check-time': ignored('duration', ownReads),
  'compaction-batch-limit': ignored('whole', steadily),
  'compaction-sleep-interval': ignored('duration', steadily),
  'bootstrap-defrag-threshold-megabytes': ignored('whole', `Skipping defragmentation: ${steadily}`),
  'downgrade-check-time': ignored('duration', 'there is one version of the cluster'),
  'memory-mlock': ignored('switch', ownStore),
  'feature-gates': ignored('list', "none of etcd's features has a gate here"),
  'raft-read-timeout': ignored('duration', ownPace),
  'raft-write-timeout': ignored('duration', ownPace),
  'warning-apply-duration': ignored('duration', ownReads),
  'warning-unary-request-duration': flag('duration', '300ms'),
  'enable-log-rotation': ignored('switch', ownLogger),
  'log-rotation-config-json': ignored('text', ownLogger),
  'enable-distributed-tracing': ignored('switch', noTraces),
  'distributed-tracing-address': ignored('text', noTraces),
  'distributed-tracing-service-name': ignored('text', noTraces),
  'distributed-tracing-instance-id': ignored('text', noTraces),
  'distributed-tracing-sampling-rate': ignored('whole', noTraces),
  discovery: refused('text', noDiscovery),
  'discovery-proxy': refused('text', noDiscovery),
  'discovery-srv': refused('text', noDiscovery),
  'discovery-endpoints': refused('list', noDiscovery),
  'discovery-srv-name': ignored('text', noDiscovery),
  'discovery-fallback': ignored('text', noDiscovery),
  'discovery-token': ignored('text', noDiscovery),
  'discovery-user': ignored('text', noDiscovery),
  'discovery-password': ignored('text', noDiscovery),
  'discovery-dial-timeout': ignored('duration', noDiscovery),
  'discovery-request-timeout': ignored('duration', noDiscovery),
  'discovery-keepalive-time': ignored('duration', noDiscovery),
  'discovery-keepalive-timeout': ignored('duration', noDiscovery),
  'discovery-insecure-transport': ignored('switch', noDiscovery),
  'discovery-insecure-skip-tls-verify': ignored('switch', noDiscovery),
  'discovery-cert': ignored('text', noDiscovery),
  'discovery-key': ignored('text', noDiscovery),
  'discovery-cacert': ignored('text', noDiscovery),
} as const satisfies Readonly<Record<string, Flag>>;

/** A flag's name, without dashes. */
export type FlagName = keyof typeof flagTable;

export function isFlagName(name: string): name is FlagName {
  return Object.hasOwn(flagTable, name);
}

/** The flag that is meant: those of etcd that are no longer experimental have two names. */
export function flagNamed(name: string): FlagName | undefined {
  if (isFlagName(name)) return name;
  const plain = name.replace(/^experimental-/, '').replace('catch-up', 'catchup');
  return isFlagName(plain) && plain !== name ? plain : undefined;
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
    'allowed-hostname': 'client-cert-allowed-hostname',
  },
  'peer-transport-security': {
    'cert-file': 'peer-cert-file',
    'key-file': 'peer-key-file',
    'trusted-ca-file': 'peer-trusted-ca-file',
    'client-cert-auth': 'peer-client-cert-auth',
    'crl-file': 'peer-crl-file',
    'auto-tls': 'peer-auto-tls',
    'client-cert-file': 'peer-client-cert-file',
    'client-key-file': 'peer-client-key-file',
    'allowed-cn': 'peer-cert-allowed-cn',
    'allowed-hostname': 'peer-cert-allowed-hostname',
    'skip-client-san-verification': 'peer-skip-client-san-verification',
  },
};
