/**
 * `quorate/server`: a highly available key-value store that any client of etcd v3 can use, in an
 * application's own process. The same as the command `quorate serve`.
 */
import { QuorateError } from './base/errors.ts';
import {
  type RestoreReport,
  restoreSnapshotOn,
  type SnapshotStatus,
  snapshotStatus,
} from './kv/restore-snapshot.ts';
import { clientCertificate, peerCertificate } from './platform/automatic-tls.ts';
import { isEtcdDirectory } from './platform/etcd-directory.ts';
import { NodeBcrypt } from './platform/node-bcrypt.ts';
import { NodeCompression } from './platform/node-compression.ts';
import { NodeCrypto } from './platform/node-crypto.ts';
import { NodeHttp } from './platform/node-http.ts';
import { nodePorts } from './platform/node-ports.ts';
import { NodeSigning } from './platform/node-signing.ts';
import { NodeTextFiles } from './platform/node-text-files.ts';
import { makeDirectoryWhole, SnapshotFile, writeFileWhole } from './platform/snapshot-file.ts';
import { zapLogger } from './platform/zap-logger.ts';
import type { Logger } from './ports/logger.ts';
import { openServerOn, type Server, type ServerPorts } from './server/open-server.ts';
import { type SavedSnapshot, streamSnapshotFrom } from './server/save-snapshot.ts';
import { readSettings, type ServerSettings } from './server/settings/settings.ts';
import { addressText, type Endpoint, parseUrls } from './server/settings/urls.ts';
import { settled } from './server/tls.ts';

export { type ErrorCode, QuorateError } from './base/errors.ts';
export type { Kv } from './kv/api.ts';
export type { RestoreReport, SnapshotStatus } from './kv/restore-snapshot.ts';
export {
  type Bytes,
  compareOf,
  deleteRequest,
  type KeysOption,
  putRequest,
  rangeRequest,
  txnRequest,
} from './mvcc/make-request.ts';
export type { HttpExchange, HttpRequest } from './ports/http.ts';
export type { Logger } from './ports/logger.ts';
export { EtcdFront, type EtcdFrontOptions } from './server/etcd-front.ts';
export { Listening, type ListeningOptions } from './server/listening.ts';
export type { Server } from './server/open-server.ts';
export type { SavedSnapshot } from './server/save-snapshot.ts';
export type { ServerSettings, TlsFiles } from './server/settings/settings.ts';

/** What a server in this process may be given beside its settings. */
export interface OpenServerOptions {
  /** Pino-shaped. By default etcd's lines of JSON on the standard error output, from `logLevel` on. */
  readonly logger?: Logger;
}

/**
 * Reads settings as `quorate serve` does: etcd's flags, `ETCD_` and `QUORATE_` variables, or a
 * configuration file.
 *
 * @throws QuorateError `invalid-config`, `file-not-found`
 */
export function readServerSettings(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<ServerSettings> {
  const files = new NodeTextFiles();
  const readFile = (path: string): Promise<string> => settled((answer) => files.read(path, answer));
  return readSettings({ args, env, readFile });
}

/**
 * Opens a server: a member of a cluster, the key-value service on it, and the listeners for its
 * clients. It serves as soon as this returns; with several members, once a majority is there.
 *
 * @throws QuorateError `invalid-config`, `insecure-listener`, `address-in-use`, `tls-failed`,
 *   `file-not-found`, and those of `openMember`
 *
 * @example
 * ```ts
 * import { openServer, readServerSettings } from 'quorate/server';
 *
 * const server = await openServer(await readServerSettings(['--name', 'a']));
 * console.log(server.clientUrls);
 * await server.close();
 * ```
 */
export async function openServer(
  settings: ServerSettings,
  options: OpenServerOptions = {},
): Promise<Server> {
  if (isEtcdDirectory(settings.dataDir)) {
    throw new QuorateError(
      'invalid-config',
      `${settings.dataDir} holds the data of an etcd, which would not be seen: ` +
        '"quorate snapshot restore" makes a new directory of its snapshot or database',
    );
  }
  const logger = options.logger ?? zapLogger({ level: settings.logLevel });
  const ports: ServerPorts = {
    ...nodePorts({ dataDir: settings.dataDir, logger }),
    http: new NodeHttp(),
    compression: new NodeCompression(),
    textFiles: new NodeTextFiles(),
    signing: new NodeSigning(),
    bcrypt: new NodeBcrypt(),
  };
  return openServerOn(ports, await withCertificates(settings));
}

/** Makes the certificates that the server is to make itself. */
async function withCertificates(settings: ServerSettings): Promise<ServerSettings> {
  const { dataDir, autoTlsValidityYears: validityYears, clusterToken } = settings;
  const hostsOf = (urls: readonly string[], listened: readonly Endpoint[]): string[] =>
    [...parseUrls(urls, 'advertised URLs'), ...listened].map(({ address }) => address.host);
  const { tlsProtocol: protocol } = settings;
  let { clientTls, peerTls } = settings;
  if (settings.clientAutoTls && clientTls === undefined) {
    const hosts = hostsOf(settings.advertiseClientUrls, settings.listenClient);
    const files = await clientCertificate({ dataDir, hosts, validityYears });
    clientTls = { ...files, clientCertificateRequired: false, protocol };
  }
  if (settings.peerAutoTls && peerTls === undefined) {
    const hosts = hostsOf(settings.advertisePeerUrls, settings.listenPeer);
    const files = await peerCertificate({ dataDir, hosts, validityYears }, clusterToken);
    peerTls = { ...files, clientCertificateRequired: true, protocol };
  }
  return { ...settings, clientTls, peerTls };
}

/**
 * Makes the directory of a member, `settings.dataDir`, from an etcd snapshot: one that `etcdctl
 * snapshot save` has written, of an etcd or of Quorate. All keys, revisions, leases, users and roles
 * are kept. Each first member of the new cluster restores the same file; they then start as usual.
 *
 * @param options.skipHashCheck take a plain database, without its checksum. Default false.
 * @param options.bumpRevision by how much revisions shall be higher, for clients that remember some
 *   which the snapshot does not have. Default 0.
 * @param options.markCompacted let nothing before that revision be readable. Default false.
 * @param options.withoutAuth turn access control off; needed where passwords are hashed at a cost
 *   that is not checked here, and have to be given anew. Default false.
 * @throws QuorateError `snapshot-damaged`, `file-exists` where the directory is there already,
 *   `file-not-found`, `invalid-config`, `invalid-auth-management`, or what the disk failed with;
 *   there is no directory then
 */
export async function restoreSnapshot(
  file: string,
  settings: ServerSettings,
  options: {
    readonly skipHashCheck?: boolean;
    readonly bumpRevision?: number;
    readonly markCompacted?: boolean;
    readonly withoutAuth?: boolean;
  } = {},
): Promise<RestoreReport> {
  const { skipHashCheck = false, bumpRevision = 0, markCompacted = false } = options;
  const { withoutAuth = false } = options;
  const { name, dataDir, clusterToken, initialCluster } = settings;
  const founders = initialCluster.map((peer) => ({
    name: peer.name,
    address: addressText(parseUrls([peer.url], 'initial-cluster')[0]!.address),
  }));
  const changes = { bumpRevision, markCompacted, withoutAuth, skipHashCheck };
  const source = new SnapshotFile(file);
  try {
    return await makeDirectoryWhole(dataDir, (path) =>
      restoreSnapshotOn(nodePorts({ dataDir: path }), source, {
        ...changes,
        name,
        founders,
        clusterToken,
      }),
    );
  } finally {
    source.close();
  }
}

/**
 * Saves what a running server holds, of Quorate or etcd, as an etcd snapshot in a file. The file is
 * there when it is whole, checked and durable, and not before; one of that name is replaced.
 *
 * @throws QuorateError `invalid-config`, `connection-refused`, `timeout`, `tls-failed`,
 *   `rpc-failed`, `rpc-unavailable`, `snapshot-damaged`, `file-not-found`, or what the disk failed with
 */
export async function saveSnapshot(
  file: string,
  options: {
    /** `http://HOST:PORT`, or `https://`. */
    readonly url: string;
    readonly user?: { readonly name: string; readonly password: string };
    /** For `https`: whom to believe, in place of the system's authorities. */
    readonly authorityPath?: string | undefined;
    /** This side's certificate, where the server wants one. */
    readonly certificatePath?: string | undefined;
    readonly keyPath?: string | undefined;
  },
): Promise<SavedSnapshot> {
  const files = new NodeTextFiles();
  const read = async (path: string | undefined): Promise<string | undefined> =>
    path === undefined ? undefined : settled((answer) => files.read(path, answer));
  const { url, user, authorityPath, certificatePath, keyPath } = options;
  const paths = [authorityPath, certificatePath, keyPath];
  const [authority, certificate, key] = await Promise.all(paths.map(read));
  const source = {
    url,
    ...(user === undefined ? {} : { user }),
    credentials: {
      ...(authority === undefined ? {} : { authorities: [authority] }),
      ...(certificate === undefined ? {} : { certificate }),
      ...(key === undefined ? {} : { key }),
    },
  };
  const ports = {
    ...nodePorts({ dataDir: '.' }),
    http: new NodeHttp(),
    compression: new NodeCompression(),
  };
  return writeFileWhole(file, (write) => streamSnapshotFrom(ports, source, write));
}

/**
 * Looks through an etcd snapshot.
 * @throws QuorateError `snapshot-damaged`, `file-not-found`, or what the disk failed with
 */
export function readSnapshotStatus(
  file: string,
  options: { readonly skipHashCheck?: boolean } = {},
): SnapshotStatus {
  const source = new SnapshotFile(file);
  try {
    const { skipHashCheck = false } = options;
    return snapshotStatus(source, new NodeCrypto(), { skipHashCheck });
  } finally {
    source.close();
  }
}
