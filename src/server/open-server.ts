/**
 * A whole etcd server in one process: a member of a cluster, the key-value service on it, and what
 * answers clients. Its parts can be had one by one: {@link EtcdFront}, {@link Listening}.
 *
 * The lines `published`, `enabled capabilities for version` and `ready to serve client requests`
 * are what other programs wait for when they start an etcd.
 */
import { QuorateError } from '../base/errors.ts';
import type { EndedCall } from '../grpc/server.ts';
import type { Kv } from '../kv/api.ts';
import { type KvOptions, openKv } from '../kv/open-kv.ts';
import { recoverLostMajorityOn } from '../member/lost-majority.ts';
import type { Member } from '../member/member.ts';
import { openMemberOn } from '../member/open-member.ts';
import type { MemberOptions } from '../member/options.ts';
import type { Bcrypt } from '../ports/bcrypt.ts';
import type { Compression } from '../ports/compression.ts';
import type { Http, HttpExchange } from '../ports/http.ts';
import type { Logger } from '../ports/logger.ts';
import type { Ports } from '../ports/ports.ts';
import type { Signing } from '../ports/signing.ts';
import type { TextFiles } from '../ports/text-files.ts';
import { EtcdFront } from './etcd-front.ts';
import { Listening } from './listening.ts';
import { untilReady } from './readiness.ts';
import { clusterVersion, etcdVersion } from './services/context.ts';
import type { ServerSettings } from './settings/settings.ts';
import { addressText, type Endpoint, isLoopback, parseUrls } from './settings/urls.ts';
import { readCredentials, watchCredentials } from './tls.ts';
import { tokenOptions } from './token-settings.ts';

/** The world as a server needs it. */
export interface ServerPorts extends Ports {
  readonly http: Http;
  readonly compression: Compression;
  readonly textFiles: TextFiles;
  readonly signing: Signing;
  readonly bcrypt: Bcrypt;
}

/** What makes the key-value service on a member. */
export type KvMaker = (member: Member, ports: ServerPorts, settings: ServerSettings) => Promise<Kv>;

/** How long calls under way may take when the server closes. */
const graceMs = 5_000;
/** How long a member waits at the start for a majority to be there. */
const openingMsMax = 24 * 3_600_000;

/** A server that serves. */
export class Server {
  readonly member: Member;
  /** The key-value service, for those who embed the server. */
  readonly kv: Kv;
  readonly front: EtcdFront;
  readonly #listening: readonly Listening[];
  readonly #stopWatching: () => void;
  #closing: Promise<void> | undefined;

  /** Use {@link openServerOn}. */
  constructor(init: {
    readonly member: Member;
    readonly kv: Kv;
    readonly front: EtcdFront;
    readonly listening: readonly Listening[];
    readonly stopWatching: () => void;
  }) {
    this.member = init.member;
    this.kv = init.kv;
    this.front = init.front;
    this.#listening = init.listening;
    this.#stopWatching = init.stopWatching;
  }

  /** Where clients are served, with the ports that were given. */
  get clientUrls(): readonly string[] {
    return this.#listening[0]!.urls;
  }

  /** Settles when the member has ended, whatever made it; with why, if it was not asked to. */
  get closed(): Promise<QuorateError | null> {
    return this.member.closed;
  }

  /** Ends in order: no more calls, those under way finish, leadership is handed over. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stopWatching();
    this.front.drain();
    await Promise.all(this.#listening.map((each) => each.close(graceMs)));
    await this.kv.close();
    await this.member.close();
  }
}

/**
 * Opens a server on these ports: the door does it with the platform's.
 * @throws QuorateError as `openServer` says
 */
export async function openServerOn(ports: ServerPorts, settings: ServerSettings): Promise<Server> {
  const { logger } = ports;
  logger.info({ version: etcdVersion, given: settings.given }, 'starting a server');
  for (const warning of settings.warnings) logger.warn({}, warning);
  checkExposure(settings, logger);
  const token = await tokenOptions(ports, settings);
  if (settings.forceNewCluster) await goOnAlone(ports, logger);
  const undo: (() => Promise<void>)[] = [];
  try {
    const member = await openMemberOn(ports, await memberOptions(ports, settings));
    undo.push(() => member.close());
    const stopWatching =
      settings.peerTls === undefined
        ? () => {}
        : watchCredentials(ports, settings.peerTls, (credentials) => member.reload(credentials));
    logger.info(
      { memberId: String(member.id), name: settings.name, cluster: settings.clusterToken },
      'this member has opened',
    );
    const kv = await openKv({ ...kvOptions(ports, settings, member), token, bcrypt: ports.bcrypt });
    undo.push(() => kv.close());
    const front = new EtcdFront({
      kv,
      clock: ports.clock,
      compression: ports.compression,
      requestBytesMax: settings.requestBytesMax,
      ended: slowRequestWarning(settings, logger),
      gateway: settings.gateway,
      hostNames: [...settings.hostNames, ...advertisedNames(settings)],
      origins: settings.origins,
    });
    const listening = await listenForClients(ports, settings, front);
    undo.push(() => Promise.all(listening.map((each) => each.close(0))).then(() => {}));
    const server = new Server({ member, kv, front, listening, stopWatching });
    await publish(server, settings, ports);
    return server;
  } catch (error) {
    for (const close of undo.reverse()) await close().catch(() => {});
    throw error;
  }
}

/** As etcd does it: on a directory without a member, there is nothing to do. */
async function goOnAlone(ports: ServerPorts, logger: Logger): Promise<void> {
  try {
    const { name, groups } = await recoverLostMajorityOn(ports);
    const message = 'force-new-cluster: this member goes on alone, all others are removed';
    logger.warn({ name, groups: groups.length }, message);
  } catch (error) {
    if (!(error instanceof QuorateError) || error.code !== 'not-a-member') throw error;
  }
}

/** Tells the cluster where clients reach this member, and everybody that it serves. */
async function publish(
  server: Server,
  settings: ServerSettings,
  { clock, logger }: Pick<Ports, 'clock' | 'logger'>,
): Promise<void> {
  const { kv } = server;
  const wanted = settings.advertiseClientUrls;
  // A port that was given by the system is known only now.
  const urls = wanted.some((url) => /:0\/?$/.test(url)) ? server.clientUrls : wanted;
  const isLed = await untilReady(kv, urls, clock);
  if (!isLed) logger.warn({}, 'nobody leads: only what this member has can be read');
  const facts = { memberId: kv.memberId.toString(16), clusterId: kv.clusterId.toString(16) };
  logger.info(
    { ...facts, name: settings.name, clientUrls: urls },
    'published member to the cluster',
  );
  logger.info({ clusterVersion }, 'enabled capabilities for version');
  for (const url of server.clientUrls) {
    logger.info({ url, version: etcdVersion }, 'ready to serve client requests');
    const how = url.startsWith('https:') ? 'securely' : 'insecurely';
    logger.info({ url }, `serving client traffic ${how}`);
  }
}

/** Warns of requests that took long, in the words of etcd's that its users look for. */
function slowRequestWarning(
  { slowRequestMs }: ServerSettings,
  logger: Logger,
): (call: EndedCall) => void {
  return ({ path, type, code, tookMs }) => {
    if (slowRequestMs === 0 || type !== 'unary' || tookMs < slowRequestMs) return;
    logger.warn({ method: path, code, tookMs }, 'request stats');
  };
}

async function listenForClients(
  ports: ServerPorts,
  settings: ServerSettings,
  front: EtcdFront,
): Promise<Listening[]> {
  const { streamsMax, pingIntervalMsMin, keepAliveIntervalMs, keepAliveTimeoutMs } = settings;
  const limits = { streamsMax, pingIntervalMsMin, keepAliveIntervalMs, keepAliveTimeoutMs };
  const { clientTls: tls } = settings;
  const { listenClientHttp: http, listenMetrics: pages } = settings;
  const serves = http.length === 0 ? 'all' : 'grpc';
  const wanted = [
    {
      endpoints: settings.listenClient,
      handle: (each: HttpExchange) => front.handle(each, serves),
    },
    { endpoints: http, handle: (each: HttpExchange) => front.handle(each, 'http') },
    { endpoints: pages, handle: (each: HttpExchange) => front.handlePages(each) },
  ];
  const open: Listening[] = [];
  try {
    for (const { endpoints, handle } of wanted) {
      if (endpoints.length > 0) {
        open.push(await Listening.open(ports, { endpoints, tls, limits, handle }));
      }
    }
    return open;
  } catch (error) {
    await Promise.all(open.map((each) => each.close(0)));
    throw error;
  }
}

/** A member as the settings want it: etcd's words in those of Quorate. */
async function memberOptions(ports: ServerPorts, settings: ServerSettings): Promise<MemberOptions> {
  const { name, dataDir, initialCluster, peerTls, electionTimeoutMs } = settings;
  const [advertised] = parseUrls(settings.advertisePeerUrls, 'initial-advertise-peer-urls');
  const peers = initialCluster.map((peer) => ({
    name: peer.name,
    address: addressText(parseUrls([peer.url], 'initial-cluster')[0]!.address),
  }));
  const others = peers.filter((peer) => peer.name !== name).map(({ address }) => address);
  const joins = settings.initialClusterState === 'existing' && others.length > 0;
  return {
    name,
    dataDir,
    ...(joins ? { join: others } : { peers }),
    clusterToken: settings.clusterToken,
    listen: listenText(settings.listenPeer[0]!),
    listenAlso: settings.listenPeer.slice(1).map(listenText),
    ...(advertised === undefined ? {} : { advertise: addressText(advertised.address) }),
    ...(peerTls === undefined
      ? {}
      : {
          tls: {
            credentials: await readCredentials(ports, peerTls),
            dialedName: 'host' as const,
          },
        }),
    logger: ports.logger,
    // An election begins after one to two of etcd's timeouts without a leader.
    tickMs: Math.max(1, Math.round(electionTimeoutMs / 20)),
  };
}

function kvOptions(ports: ServerPorts, settings: ServerSettings, member: Member): KvOptions {
  const { autoCompaction } = settings;
  return {
    member,
    ports,
    logger: ports.logger,
    store: settings.store,
    electionTimeoutMs: settings.electionTimeoutMs,
    clientUrls: settings.advertiseClientUrls,
    peerUrls: settings.advertisePeerUrls,
    requestBytesMax: settings.requestBytesMax,
    learnersMax: settings.learnersMax,
    strictReconfiguration: settings.strictReconfiguration,
    transactionOperationsMax: settings.txnOperationsMax,
    quotaBytes: settings.quotaBytes,
    ...(autoCompaction === undefined ? {} : { autoCompaction }),
    watchProgressIntervalMs: settings.progressNotifyIntervalMs,
    // The others of a new cluster may be started later, by hand.
    timeoutMs: openingMsMax,
  };
}

function listenText({ address: { host, port } }: Endpoint): string {
  return addressText({ host: host === 'localhost' ? '127.0.0.1' : host, port });
}

/** Names in advertised URLs: clients use them, so requests may carry them. */
function advertisedNames(settings: ServerSettings): string[] {
  const { advertiseClientUrls, listenClient, listenClientHttp } = settings;
  const advertised = parseUrls(advertiseClientUrls, 'advertise-client-urls');
  return [...advertised, ...listenClient, ...listenClientHttp].map(({ address }) => address.host);
}

/** What others than this machine reach without encryption is warned of, loudly, or refused. */
function checkExposure(settings: ServerSettings, logger: Logger): void {
  const exposed = [
    ...settings.listenClient,
    ...settings.listenClientHttp,
    ...settings.listenPeer,
  ].filter(({ address, secure }) => !secure && !isLoopback(address.host));
  for (const { url } of exposed) {
    const message = `${url} is reached by other machines, without TLS: everybody there can read and write everything`;
    if (settings.strictSecurity) throw new QuorateError('insecure-listener', message);
    logger.warn({ url }, message);
  }
}
