/** A small gRPC client on `node:http2` alone, so that nothing of ours measures itself. */
import http2 from 'node:http2';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';

const headers = {
  ':method': 'POST',
  'content-type': 'application/grpc',
  te: 'trailers',
} as const;

/** A message with gRPC's prefix. */
export function body<Schema extends DescMessage>(
  schema: Schema,
  init: MessageInitShape<Schema>,
): Buffer {
  const message = toBinary(schema, create(schema, init));
  const framed = Buffer.alloc(5 + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

/** What hears of a stream: whole messages without their prefix, and gRPC's status at its end. */
export interface StreamEvents {
  message?(bytes: Buffer): void;
  /** −1 where the stream broke. */
  ended(status: number): void;
}

export class Connection {
  readonly #session: http2.ClientHttp2Session;

  constructor(port: number) {
    this.#session = http2.connect(`http://127.0.0.1:${port}`, {
      settings: { initialWindowSize: 2 ** 24, enablePush: false },
    });
    this.#session.on('connect', () => this.#session.setLocalWindowSize(2 ** 26));
    this.#session.on('error', () => {});
  }

  /** Begins a call; its messages are written to what is returned. */
  open(path: string, events: StreamEvents): http2.ClientHttp2Stream {
    const stream = this.#session.request({ ...headers, ':path': path });
    let status = -1;
    const take = (fields: http2.IncomingHttpHeaders): void => {
      if (fields['grpc-status'] !== undefined) status = Number(fields['grpc-status']);
    };
    stream.on('response', take).on('trailers', take);
    let rest: Buffer = Buffer.alloc(0);
    stream.on('data', (chunk: Buffer) => {
      if (events.message === undefined) return;
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      while (rest.length >= 5) {
        const end = 5 + rest.readUInt32BE(1);
        if (rest.length < end) break;
        events.message(rest.subarray(5, end));
        rest = rest.subarray(end);
      }
    });
    stream.on('error', () => {}).on('close', () => events.ended(status));
    return stream;
  }

  /** One request, one answer. */
  call(path: string, request: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let answer: Buffer | undefined;
      const stream = this.open(path, {
        message: (bytes) => {
          answer = bytes;
        },
        ended: (status) => {
          if (status === 0 && answer !== undefined) resolve(answer);
          else reject(new Error(`${path} ended with status ${status}`));
        },
      });
      stream.end(request);
    });
  }

  close(): void {
    this.#session.destroy();
  }
}

/** The value below which a part of the sorted numbers lies. */
export function percentile(sorted: ArrayLike<number>, part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
