/** A service to test with: methods of all four kinds whose messages are plain bytes. */
import type { Codec, Method } from '../../src/grpc/method.ts';
import { GrpcServer, isGrpc } from '../../src/grpc/server.ts';
import { rpcError, statusOf } from '../../src/grpc/status.ts';
import { NodeClock } from '../../src/platform/node-clock.ts';
import { NodeCompression } from '../../src/platform/node-compression.ts';
import { NodeHttp } from '../../src/platform/node-http.ts';
import type { HttpLimits, HttpListener } from '../../src/ports/http.ts';

const text: Codec<string> = {
  encode: (message) => new TextEncoder().encode(message),
  decode: (bytes) => new TextDecoder('utf8', { fatal: true }).decode(bytes),
};

function method(name: string, requestStream: boolean, responseStream: boolean) {
  const found: Method<string, string> = {
    path: `/test.Echo/${name}`,
    requestStream,
    responseStream,
    request: text,
    response: text,
  };
  return found;
}

export const echo = {
  once: method('Once', false, false),
  fail: method('Fail', false, false),
  never: method('Never', false, false),
  gather: method('Gather', true, false),
  repeat: method('Repeat', false, true),
  talk: method('Talk', true, true),
  flood: method('Flood', false, true),
};

/** What the server has seen of the calls that it cannot tell their callers. */
export interface Seen {
  aborted: number;
  over: number;
  /** The most bytes that waited for a reader. */
  bufferedBytesMax: number;
  flooded: number;
}

export interface EchoServer {
  readonly grpc: GrpcServer;
  readonly listener: HttpListener;
  readonly seen: Seen;
  readonly url: string;
  close(graceMs?: number): Promise<void>;
}

export const messageBytesMax = 65_536;

export async function startEcho(limits: HttpLimits = {}): Promise<EchoServer> {
  const clock = new NodeClock();
  const seen: Seen = { aborted: 0, over: 0, bufferedBytesMax: 0, flooded: 0 };
  const grpc = new GrpcServer({
    clock,
    compression: new NodeCompression(),
    messageBytesMax,
    assemblyBytesMax: 4 * messageBytesMax,
    statusOfError: (error) => statusOf('unknown', String(error)),
  });
  grpc.unary(echo.once, async (request, call) => {
    call.sendMetadata({ initial: 'yes', 'bytes-bin': Uint8Array.of(0, 255) });
    return `${request}|${call.metadata['x-name'] ?? ''}`;
  });
  grpc.unary(echo.fail, async (request) => {
    throw rpcError({ ...statusOf('out-of-range', request), metadata: { detail: 'more' } });
  });
  grpc.unary(echo.never, (_request, call) => {
    call.signal.addEventListener('abort', () => seen.aborted++);
    return new Promise(() => {});
  });
  grpc.stream(echo.gather, (call) => {
    const all: string[] = [];
    return {
      received: (request) => void all.push(request),
      ended: () => {
        call.send(all.join(','));
        call.finish();
      },
    };
  });
  grpc.stream(echo.repeat, (call) => ({
    received: (request) => {
      for (let i = 0; i < Number(request); i++) call.send(`${i}`);
    },
    ended: () => call.finish({ ...statusOf('ok', ''), metadata: { last: 'yes' } }),
  }));
  grpc.stream(echo.talk, (call) => ({
    received: (request) => {
      if (request === 'throw') throw new Error('as told');
      call.send(request.toUpperCase());
    },
    ended: () => call.finish(),
    over: () => seen.over++,
  }));
  grpc.stream(echo.flood, (call) => {
    const pour = (): void => {
      while (!call.over && seen.flooded < 100_000) {
        seen.flooded++;
        const welcome = call.send('x'.repeat(1_000));
        seen.bufferedBytesMax = Math.max(seen.bufferedBytesMax, call.bufferedBytes);
        if (!welcome) return;
      }
    };
    return { received: pour, drained: pour, ended: () => {}, over: () => seen.over++ };
  });
  const listener = await new Promise<HttpListener>((resolve, reject) => {
    new NodeHttp().listen(
      { ...limits, address: { host: '127.0.0.1', port: 0 } },
      {
        exchange: (exchange) => {
          if (isGrpc(exchange)) return grpc.handle(exchange);
          let body = '';
          exchange.subscribe({
            received: (bytes) => {
              body += new TextDecoder().decode(bytes);
            },
            ended: () => {
              exchange.respond(200, { 'content-type': 'text/plain' });
              exchange.write(text.encode(`${exchange.request.method} ${body}`));
              exchange.end();
            },
            closed: () => {},
          });
        },
      },
      (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)),
    );
  });
  return {
    grpc,
    listener,
    seen,
    url: `127.0.0.1:${listener.address.port}`,
    close: (graceMs = 0) => new Promise((resolve) => listener.close(graceMs, () => resolve())),
  };
}
