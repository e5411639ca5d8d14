/** A front of a server with a small key-value service behind it, on a free port. */
import { NodeClock } from '../../src/platform/node-clock.ts';
import { NodeCompression } from '../../src/platform/node-compression.ts';
import { NodeHttp } from '../../src/platform/node-http.ts';
import type { HttpLimits, HttpListener } from '../../src/ports/http.ts';
import { EtcdFront, type EtcdFrontOptions } from '../../src/server/etcd-front.ts';
import { settled } from '../../src/server/tls.ts';
import { SmallKv } from './small-kv.ts';

export interface FrontServer {
  readonly kv: SmallKv;
  readonly front: EtcdFront;
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

export async function startFront(
  options: Partial<EtcdFrontOptions> = {},
  limits: HttpLimits = {},
): Promise<FrontServer> {
  const kv = new SmallKv();
  const front = new EtcdFront({
    kv: kv.asKv(),
    clock: new NodeClock(),
    compression: new NodeCompression(),
    hostNames: [],
    origins: [],
    ...options,
  });
  const listener = await settled<HttpListener>((answer) =>
    new NodeHttp().listen(
      { ...limits, address: { host: '127.0.0.1', port: 0 } },
      { exchange: (exchange) => front.handle(exchange) },
      answer,
    ),
  );
  const { port } = listener.address;
  return {
    kv,
    front,
    port,
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => listener.close(0, () => resolve())),
  };
}
