/**
 * `quorate/client`: a cluster's groups from processes that are no members of it.
 */
import { QuorateError } from './base/errors.ts';
import {
  type ClientMachines,
  type ConnectedClient,
  type ConnectOptions,
  connectOn,
} from './client/client.ts';
import { jsonLogger } from './platform/json-logger.ts';
import { NodeClock } from './platform/node-clock.ts';
import { NodeCrypto } from './platform/node-crypto.ts';
import { nodeRandom } from './platform/node-random.ts';
import { NodeStreams } from './platform/node-streams.ts';
import { NodeTextFiles } from './platform/node-text-files.ts';

export { type ErrorCode, QuorateError } from './base/errors.ts';
export type {
  Client,
  ClientMachines,
  ConnectedClient,
  ConnectOptions,
} from './client/client.ts';
export type { ClientBackup } from './client/client-backup.ts';
export type {
  ClientGroup,
  ClientProposeOptions,
  TypedClientGroup,
} from './client/client-group.ts';
export type { SessionMark } from './engine/envelope.ts';
export type { BackupAsked } from './member/backup-calls.ts';
export type { RequestOptions } from './member/requests.ts';
export type { QueryOptions } from './member/typed-group.ts';

/** Files with what members ask of whoever comes; see {@link readAccess}. */
export interface AccessFiles {
  /** Holds the members' secret; space around it does not count. */
  readonly secretFile?: string;
  /** PEM: the authorities of the members' certificates. Any of these three means TLS. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/**
 * Reads from files what {@link connect} is to be given, so that no secret stands in a command line.
 * @throws QuorateError `file-not-found`, `file-too-large`, `permission-denied`, `disk-failed`
 */
export async function readAccess(
  files: AccessFiles,
): Promise<Pick<ConnectOptions, 'secret' | 'tls'>> {
  const text = (path: string | undefined): Promise<string | undefined> =>
    new Promise((resolve, reject) => {
      if (path === undefined) return resolve(undefined);
      new NodeTextFiles().read(path, (content) =>
        content instanceof QuorateError ? reject(content) : resolve(content),
      );
    });
  const { secretFile, caFile, certFile, keyFile } = files;
  const [secret, authority, certificate, key] = await Promise.all(
    [secretFile, caFile, certFile, keyFile].map(text),
  );
  const credentials = {
    ...(authority === undefined ? {} : { authorities: [authority] }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
  };
  const tls = { credentials, dialedName: 'host' } as const;
  return {
    ...(secret === undefined ? {} : { secret: secret.trim() }),
    ...(Object.keys(credentials).length === 0 ? {} : { tls }),
  };
}

/**
 * Makes a client of a cluster. It connects when something is asked, to any of the endpoints; that
 * member passes commands on to the leader. A command is sent again after lost connections and
 * changes of leader, and takes effect once.
 *
 * @throws QuorateError `invalid-config`
 *
 * @example
 * ```ts
 * import { machine, map } from 'quorate';
 * import { connect } from 'quorate/client';
 *
 * const counters = machine({
 *   state: { values: map<string, number>() },
 *   commands: {
 *     inc({ values }, key: string) {
 *       const next = (values.get(key) ?? 0) + 1;
 *       values.set(key, next);
 *       return next;
 *     },
 *   },
 *   queries: { get: ({ values }, key: string) => values.get(key) ?? 0 },
 * });
 *
 * const client = connect({ endpoints: ['127.0.0.1:7000'], machines: { counters } });
 * await client.counters.commands.inc('visits');
 * console.log(await client.counters.queries.get('visits'));
 * await client.close();
 * ```
 */
export function connect<Machines extends ClientMachines = Record<never, never>>(
  options: ConnectOptions<Machines>,
): ConnectedClient<Machines> {
  const ports = {
    clock: new NodeClock(),
    random: nodeRandom(),
    streams: new NodeStreams(),
    crypto: new NodeCrypto(),
    logger: options.logger ?? jsonLogger({ level: 'warn' }),
  };
  return connectOn(ports, options);
}
