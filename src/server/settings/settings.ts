/**
 * What a server is told: etcd's settings with their defaults, checked. {@link readSettings} makes
 * them of flags; whoever embeds a server may write them directly.
 */

import type { TlsProtocol } from '../../ports/streams.ts';
import { durationMs, Flags } from './flag-texts.ts';
import { type FlagSources, givenFlags, invalid } from './given-flags.ts';
import { clientTls, peerTls, type TlsFiles, tlsProtocol } from './tls-settings.ts';
import { type Endpoint, parseUrls, sameEndpoint } from './urls.ts';

export type { TlsFiles } from './tls-settings.ts';

/** How a server runs. */
export interface ServerSettings {
  readonly name: string;
  readonly dataDir: string;
  /** Whether keys and values are held in memory, or in a store on disk that may be larger. */
  readonly store: 'memory' | 'disk';
  readonly listenClient: readonly Endpoint[];
  /** Where HTTP is to have addresses of its own: the others serve gRPC alone then. */
  readonly listenClientHttp: readonly Endpoint[];
  readonly advertiseClientUrls: readonly string[];
  /** Where other members come; the first is the one that is told if none is advertised. */
  readonly listenPeer: readonly Endpoint[];
  readonly advertisePeerUrls: readonly string[];
  /** The first members of the cluster, this one among them. */
  readonly initialCluster: readonly { readonly name: string; readonly url: string }[];
  readonly initialClusterState: 'new' | 'existing';
  readonly clusterToken: string;
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  /** Bytes of the store above which writes are refused; 0: etcd's 2 GiB; negative: none. */
  readonly quotaBytes: number;
  readonly requestBytesMax: number;
  readonly txnOperationsMax: number;
  readonly streamsMax: number;
  readonly learnersMax: number;
  /** By age (`retention` in ms), or by count of revisions that are kept. */
  readonly autoCompaction:
    | { readonly mode: 'periodic' | 'revision'; readonly retention: number }
    | undefined;
  readonly strictReconfiguration: boolean;
  /** Goes on as the only member of its cluster; the others are removed. */
  readonly forceNewCluster: boolean;
  /** `simple`, or `jwt,…` as etcd writes it. */
  readonly authToken: string;
  readonly authTokenTtlMs: number;
  readonly pingIntervalMsMin: number;
  readonly keepAliveIntervalMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly progressNotifyIntervalMs: number;
  /** A request of a client's that takes longer is warned of; 0: none is. */
  readonly slowRequestMs: number;
  readonly listenMetrics: readonly Endpoint[];
  readonly clientTls: TlsFiles | undefined;
  readonly tlsProtocol: TlsProtocol;
  /** Where there is no `clientTls`: the server makes itself a certificate, in its directory. */
  readonly clientAutoTls: boolean;
  readonly peerTls: TlsFiles | undefined;
  /** Likewise between members, under an authority that follows from the cluster's token. */
  readonly peerAutoTls: boolean;
  /** How long such certificates are valid. */
  readonly autoTlsValidityYears: number;
  /** Names that HTTP requests may carry as host beside loopback, addresses and advertised names. */
  readonly hostNames: readonly string[];
  /** Origins of pages that may talk to this server. */
  readonly origins: readonly string[];
  readonly gateway: boolean;
  readonly strictSecurity: boolean;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** What was given, by etcd's names: for the log. */
  readonly given: Readonly<Record<string, string | number>>;
  /** What an operator should be told at the start. */
  readonly warnings: readonly string[];
}

/** Reads flags, environment and configuration file. Throws `invalid-config`. */
export async function readSettings(sources: FlagSources): Promise<ServerSettings> {
  const given = await givenFlags(sources);
  const flags = new Flags(given.texts);
  flags.refuse();
  checkDeprecation(flags.text('v2-deprecation'));
  const warnings = [...given.warnings, ...flags.withoutEffect()];
  if (flags.switch('peer-auto-tls')) {
    const text = 'members prove who they are by initial-cluster-token alone: keep it secret';
    warnings.push(`peer-auto-tls: ${text}`);
  }
  const name = flags.text('name');
  const advertisePeerUrls = flags.list('initial-advertise-peer-urls');
  const listenPeer = parseUrls(flags.list('listen-peer-urls'), 'listen-peer-urls');
  if (listenPeer.length === 0) throw invalid('listen-peer-urls: at least one is needed');
  const heartbeatIntervalMs = flags.whole('heartbeat-interval', { least: 1 });
  const electionTimeoutMs = flags.whole('election-timeout', { least: 1, most: 50_000 });
  if (5 * heartbeatIntervalMs > electionTimeoutMs) {
    throw invalid(
      `--election-timeout[${electionTimeoutMs}ms] should be at least as 5 times as ` +
        `--heartbeat-interval[${heartbeatIntervalMs}ms]`,
    );
  }
  const state = flags.text('initial-cluster-state');
  if (state !== 'new' && state !== 'existing') {
    throw invalid(`initial-cluster-state is new or existing, not "${state}"`);
  }
  const cluster = flags.text('initial-cluster') || `${name}=${advertisePeerUrls.join(`,${name}=`)}`;
  const settings: ServerSettings = {
    name,
    dataDir: flags.text('data-dir') || `${name}.etcd`,
    store: storeKind(flags.text('store')),
    listenClient: parseUrls(flags.list('listen-client-urls'), 'listen-client-urls'),
    listenClientHttp: parseUrls(flags.list('listen-client-http-urls'), 'listen-client-http-urls'),
    advertiseClientUrls: flags.list('advertise-client-urls'),
    listenPeer,
    advertisePeerUrls,
    initialCluster: initialCluster(cluster),
    initialClusterState: state,
    clusterToken: flags.text('initial-cluster-token'),
    heartbeatIntervalMs,
    electionTimeoutMs,
    quotaBytes: flags.whole('quota-backend-bytes', { least: -(2 ** 52) }),
    requestBytesMax: flags.whole('max-request-bytes', { least: 1, most: 10 * 2 ** 20 }),
    txnOperationsMax: flags.whole('max-txn-ops', { least: 1 }),
    streamsMax: flags.whole('max-concurrent-streams', { least: 1, most: 2 ** 31 - 1 }),
    learnersMax: flags.whole('max-learners', { least: 1 }),
    autoCompaction: autoCompaction(flags),
    strictReconfiguration: flags.switch('strict-reconfig-check'),
    forceNewCluster: flags.switch('force-new-cluster'),
    clientAutoTls: flags.switch('auto-tls'),
    peerAutoTls: flags.switch('peer-auto-tls'),
    autoTlsValidityYears: flags.whole('self-signed-cert-validity', { least: 1, most: 100 }),
    authToken: flags.text('auth-token'),
    authTokenTtlMs: 1_000 * flags.whole('auth-token-ttl', { least: 1 }),
    pingIntervalMsMin: flags.duration('grpc-keepalive-min-time'),
    keepAliveIntervalMs: flags.duration('grpc-keepalive-interval') || 2 ** 31 - 1,
    keepAliveTimeoutMs: flags.duration('grpc-keepalive-timeout') || 20_000,
    progressNotifyIntervalMs: flags.duration('watch-progress-notify-interval'),
    slowRequestMs: flags.duration('warning-unary-request-duration'),
    listenMetrics: parseUrls(flags.list('listen-metrics-urls'), 'listen-metrics-urls'),
    tlsProtocol: tlsProtocol(flags),
    clientTls: clientTls(flags),
    peerTls: peerTls(flags),
    hostNames: flags.list('host-whitelist'),
    origins: flags.list('cors'),
    gateway: flags.switch('enable-grpc-gateway'),
    strictSecurity: flags.switch('strict-security'),
    logLevel: logLevel(flags.text('log-level')),
    given: flags.given(),
    warnings,
  };
  checkTogether(settings);
  return settings;
}

const missingForMetrics =
  'client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url';

/** What one setting alone cannot show. */
function checkTogether(settings: ServerSettings): void {
  const { name, initialCluster: members, advertisePeerUrls, listenClient } = settings;
  const hasClientTls = settings.clientTls !== undefined || settings.clientAutoTls;
  const hasPeerTls = settings.peerTls !== undefined || settings.peerAutoTls;
  if (name === '') throw invalid('a member needs a name');
  if (listenClient.length === 0) throw invalid('listen-client-urls: at least one is needed');
  const own = members.filter((member) => member.name === name);
  if (own.length === 0) {
    throw invalid(`couldn't find local name "${name}" in the initial cluster configuration`);
  }
  const urls = own.map(({ url }) => url);
  if (!advertisePeerUrls.some((url) => urls.some((other) => sameEndpoint(url, other)))) {
    throw invalid(
      `--initial-cluster has ${name}=${urls.join()} but missing from ` +
        `--initial-advertise-peer-urls=${advertisePeerUrls.join()}`,
    );
  }
  for (const { secure } of [...listenClient, ...settings.listenClientHttp]) {
    if (secure && !hasClientTls) throw invalid('https needs cert-file and key-file');
  }
  for (const { secure } of settings.listenMetrics) {
    if (secure && !hasClientTls) throw invalid(missingForMetrics);
  }
  if (settings.listenPeer.some(({ secure }) => secure) && !hasPeerTls) {
    throw invalid('https between peers needs peer-cert-file, peer-key-file, peer-trusted-ca-file');
  }
}

function initialCluster(text: string): ServerSettings['initialCluster'] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .map((each) => {
      const at = each.indexOf('=');
      if (at < 1) throw invalid(`initial-cluster: "${each}" is not NAME=URL`);
      const url = each.slice(at + 1);
      parseUrls([url], 'initial-cluster');
      return { name: each.slice(0, at), url };
    });
}

function autoCompaction(flags: Flags): ServerSettings['autoCompaction'] {
  const mode = flags.text('auto-compaction-mode');
  const retention = flags.text('auto-compaction-retention');
  if (mode !== 'periodic' && mode !== 'revision') {
    throw invalid(`auto-compaction-mode is periodic or revision, not "${mode}"`);
  }
  if (retention === '' || retention === '0') return undefined;
  if (mode === 'revision') {
    if (!/^\d{1,15}$/.test(retention)) throw invalid('auto-compaction-retention is no revision');
    return { mode, retention: Number(retention) };
  }
  // A number without unit is hours.
  const ms = /^\d+$/.test(retention)
    ? Number(retention) * 3_600_000
    : durationMs(retention, 'auto-compaction-retention');
  return { mode, retention: ms };
}

/** It has no effect, but what etcd takes for a mistake is one here too. */
function checkDeprecation(text: string): void {
  if (['', 'write-only', 'write-only-drop-data', 'gone'].includes(text)) return;
  throw invalid(`invalid value "${text}" for flag -v2-deprecation: invalid value "${text}"`);
}

function storeKind(text: string): ServerSettings['store'] {
  if (text === 'memory' || text === 'disk') return text;
  throw invalid(`store is memory or disk, not "${text}"`);
}

function logLevel(text: string): ServerSettings['logLevel'] {
  switch (text) {
    case 'debug':
    case 'info':
    case 'warn':
    case 'error':
      return text;
    case 'dpanic':
    case 'panic':
    case 'fatal':
      return 'error';
    default:
      throw invalid(`log-level: there is no level "${text}"`);
  }
}
