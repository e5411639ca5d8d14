/**
 * `quorate serve`: an etcd server, with etcd's flags, environment and configuration file. It ends
 * in order at SIGINT and SIGTERM.
 */
import { version } from '../base/version.ts';
import { etcdVersion } from '../server/services/context.ts';
import { openServer, readServerSettings } from '../server.ts';

export const serveUsage = `quorate serve [flags]       run an etcd server; flags, environment and files as etcd's

  --name NAME                        this member's name (default)
  --data-dir DIR                     its directory (NAME.etcd)
  --listen-client-urls URLS          where clients come (http://localhost:2379)
  --advertise-client-urls URLS       what they are told
  --listen-peer-urls URL             where the other members come (http://localhost:2380)
  --initial-advertise-peer-urls URL  what they are told
  --initial-cluster NAME=URL,…       the first members of the cluster
  --initial-cluster-state STATE      new, or existing to join what --initial-cluster names
  --initial-cluster-token TEXT       tells clusters apart (etcd-cluster)
  --cert-file, --key-file, --trusted-ca-file, --client-cert-auth, and the same with --peer-
  --auth-token simple | jwt,pub-key=FILE,priv-key=FILE,sign-method=RS256,ttl=5m
  --config-file FILE                 YAML or JSON; nothing else counts then
  --strict-security                  refuse addresses beyond loopback without TLS
  ETCD_NAME or QUORATE_NAME in the environment stand for --name, and so on.
  All others of etcd's flags are taken; those without effect say so.

  Example: quorate serve --name a --data-dir /var/lib/quorate/a`;

/** Runs the command; resolves with the exit code once the server has ended. */
export async function serveCommand(args: readonly string[]): Promise<number> {
  // Tools that start an etcd ask it for its version first, and read that line.
  if (['-version', '--version'].includes(args[0] ?? '')) {
    console.log(`etcd Version: ${etcdVersion}\nQuorate Version: ${version}`);
    return 0;
  }
  const settings = await readServerSettings(args, process.env);
  const server = await openServer(settings);
  const stop = (): void => void server.close();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  const error = await server.closed;
  await server.close();
  if (error === null) return 0;
  console.error(`${error.message} (${error.code})`);
  // A member that was removed has nothing to come back for.
  return error.code === 'removed-member' ? 0 : 1;
}
