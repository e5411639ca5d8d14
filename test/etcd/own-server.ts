/** A server of one member in this process, in a temporary directory and on free ports. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openServer, readServerSettings, type Server } from '../../src/server.ts';
import { freePorts } from '../processes/waiting.ts';
import { newDirectory } from './etcd-process.ts';

export interface OwnServer {
  readonly server: Server;
  readonly port: number;
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** @param flags beside those for names, directories and addresses */
export async function startServer(flags: readonly string[] = []): Promise<OwnServer> {
  const directory = newDirectory();
  const [port, peer] = (await freePorts(2)) as [number, number];
  const scheme = flags.includes('--cert-file') ? 'https' : 'http';
  const [clientUrl, peerUrl] = [`${scheme}://127.0.0.1:${port}`, `http://127.0.0.1:${peer}`];
  const settings = await readServerSettings([
    ...['--name', 'own', '--data-dir', join(directory, 'data'), '--log-level', 'warn'],
    ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
    ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
    ...['--initial-cluster', `own=${peerUrl}`],
    ...flags,
  ]);
  const server = await openServer(settings);
  return {
    server,
    port,
    endpoint: `127.0.0.1:${port}`,
    async stop() {
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
