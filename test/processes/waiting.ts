/** Waiting for what is to come, with a limit; nothing here sleeps longer than a look takes. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** Far more than anything takes that succeeds, on a machine that is busy with much else. */
export const patienceMs = 60_000;

/** A look that comes later than this found the whole machine standing still. */
const lookMsMax = 1_000;

/** Waits until `condition` holds, looking again and again; throws what it was waiting for. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = patienceMs,
): Promise<void> {
  const limit = new Limit(limitMs);
  while (!(await condition())) {
    if (limit.isOver()) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Time that passes from look to look, without that in which nobody could have done anything. */
export class Limit {
  #leftMs: number;
  #lookedMs = performance.now();

  constructor(limitMs: number) {
    this.#leftMs = limitMs;
  }

  isOver(): boolean {
    const nowMs = performance.now();
    this.#leftMs -= Math.min(nowMs - this.#lookedMs, lookMsMax);
    this.#lookedMs = nowMs;
    return this.#leftMs < 0;
  }
}

/** Ports of the loopback interface that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => {
            resolve((server.address() as { port: number }).port);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** A port that is free for UDP and TCP on this address. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const server = createServer();
    const port = await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, host, () => resolve((server.address() as { port: number }).port));
    });
    const socket = createSocket('udp4');
    const free = await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(false));
      socket.bind(port, host, () => resolve(true));
    });
    socket.close();
    await new Promise((resolve) => server.close(resolve));
    if (free) return port;
  }
  throw new Error('no port is free for both UDP and TCP');
}
