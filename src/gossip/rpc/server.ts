/**
 * Serf's agent RPC on a port, so that the stock `serf` command works on our agents.
 *
 * It has no encryption, and whoever reaches it commands the agent: it belongs on loopback, and
 * elsewhere only with a key. Each connection is bounded in what it may send and in what may wait
 * for it; a client that reads too slowly is cut off.
 */
import type { QuorateError } from '../../base/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Crypto } from '../../ports/crypto.ts';
import type { Address, Listener, Stream, Streams } from '../../ports/streams.ts';
import type { RpcAgent } from './agent.ts';
import { RpcSession } from './session.ts';

/** Clients at once. */
const connectionsMax = 64;

/** How long a client may take to take its last answers when the server closes. */
const lingerMs = 1_000;

/** What may wait for a slow client, in bytes. */
const bufferedBytesMax = 8 * 1024 * 1024;

/** What the server needs. */
export interface RpcServerOptions {
  readonly agent: RpcAgent;
  readonly address: Address;
  /** Clients must show this key; none: everybody is served. */
  readonly authKey?: string | undefined;
  readonly streams: Streams;
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** The listener failed for good. */
  readonly failed: (error: QuorateError) => void;
}

/** A running server. */
export interface RpcServer {
  /** Where it listens, with the port that it was given. */
  readonly address: Address;
  /** Closes all connections, after what was written has left, and frees the port. */
  close(): Promise<void>;
}

/** Starts to serve. Rejects with the codes of {@link Streams.listen}. */
export function serveRpc(options: RpcServerOptions): Promise<RpcServer> {
  const { crypto, authKey } = options;
  const open = new Set<Stream>();
  let emptied = (): void => {};
  const checkAuthKey =
    authKey === undefined
      ? undefined
      : (key: string): boolean => crypto.equal(digest(crypto, key), digest(crypto, authKey));
  const accepted = (stream: Stream): void => {
    open.add(stream);
    const session = new RpcSession({
      agent: options.agent,
      checkAuthKey,
      send: (bytes) => {
        stream.write([bytes]);
      },
      close: () => stream.end(),
    });
    stream.subscribe({
      received: (bytes) => session.receive(bytes),
      ended: () => stream.end(),
      closed: () => {
        open.delete(stream);
        session.closed();
        if (open.size === 0) emptied();
      },
    });
  };
  const close = async (listener: Listener): Promise<void> => {
    const freed = new Promise<void>((resolve) => listener.close(() => resolve()));
    const empty = new Promise<void>((resolve) => {
      emptied = resolve;
      if (open.size === 0) resolve();
    });
    for (const stream of open) stream.end();
    const cut = options.clock.after(lingerMs, () => {
      for (const stream of open) stream.destroy();
    });
    await Promise.all([freed, empty]);
    cut();
  };
  return new Promise((resolve, reject) => {
    options.streams.listen(
      { address: options.address, connectionsMax, bufferedBytesMax },
      { accepted, failed: options.failed },
      (listener) => {
        if (listener instanceof Error) reject(listener);
        else resolve({ address: listener.address, close: () => close(listener) });
      },
    );
  });
}

/** Compared by digest, so that not even the key's length shows in the time taken. */
function digest(crypto: Crypto, key: string): Uint8Array {
  return crypto.sha256(new TextEncoder().encode(key));
}
