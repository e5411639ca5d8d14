/**
 * Sends the same requests to two servers, and tells where they answer otherwise. What may differ is
 * left out of the comparison: who answered, terms, the time that leases have left.
 */
import { create } from '@bufbuild/protobuf';
import { QuorateError } from '../../../src/base/errors.ts';
import { GrpcClient } from '../../../src/grpc/client.ts';
import type { Status } from '../../../src/grpc/status.ts';
import { NodeClock } from '../../../src/platform/node-clock.ts';
import { NodeCompression } from '../../../src/platform/node-compression.ts';
import { NodeHttp } from '../../../src/platform/node-http.ts';
import type { HttpConnection } from '../../../src/ports/http.ts';
import * as pb from '../../../src/server/proto/gen/etcdserverpb/rpc_pb.ts';
import { methodOf } from '../../../src/server/services/registry.ts';
import { settled } from '../../../src/server/tls.ts';
import type { AnyRequest } from './requests.ts';

/** A server, as the test talks to it. */
export class Peer {
  readonly #connection: HttpConnection;
  readonly client: GrpcClient;

  private constructor(connection: HttpConnection) {
    this.#connection = connection;
    const options = { clock: new NodeClock(), compression: new NodeCompression() };
    this.client = new GrpcClient(connection, options);
  }

  static async connect(port: number): Promise<Peer> {
    const options = { address: { host: '127.0.0.1', port }, timeoutMs: 5_000 };
    return new Peer(await settled((answer) => new NodeHttp().connect(options, () => {}, answer)));
  }

  /** What it answers, in a form that can be compared. */
  async answer({ method, request }: AnyRequest): Promise<Answer> {
    try {
      const response = await this.client.unary(method, request as never);
      return { response: comparable(response) };
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      const { code, message } = error.details.status as Status;
      return { code, message };
    }
  }

  /** All events of the past that a watch is told, up to `untilRevision`. */
  watch(create_: pb.WatchCreateRequest, untilRevision: number): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      const told: unknown[] = [];
      const end = (): void => {
        resolve(told);
        stream.cancel();
      };
      const stream = this.client.stream(
        methodOf(pb.Watch.method.watch),
        { timeoutMs: 20_000 },
        {
          received: (response: pb.WatchResponse) => {
            const { events, canceled, compactRevision, cancelReason } = response;
            for (const event of events) {
              if (Number(event.kv!.modRevision) > untilRevision) return end();
              told.push(comparable(event));
            }
            if (!canceled) return;
            told.push({ canceled, compactRevision: String(compactRevision), cancelReason });
            end();
          },
          ended: ({ code, message }) =>
            reject(new Error(`the watch has ended: ${code} ${message}`)),
        },
      );
      const request = { requestUnion: { case: 'createRequest', value: create_ } } as const;
      stream.send(create(pb.WatchRequestSchema, request));
    });
  }

  close(): void {
    this.#connection.destroy();
  }
}

export interface Answer {
  readonly code?: number;
  readonly message?: string;
  readonly response?: unknown;
}

const left = new Set([
  'clusterId',
  'memberId',
  'raftTerm',
  '$typeName',
  '$unknown',
  'authRevision',
]);

/** Bytes as text, numbers as text, without what may differ. */
export function comparable(value: unknown, name = ''): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  if (typeof value === 'bigint') return name === 'TTL' && value > 0n ? 'some' : String(value);
  if (Array.isArray(value)) {
    const list = value.map((each) => comparable(each));
    // Leases, and the keys of one, have no order.
    const unordered = name === 'leases' || name === 'keys';
    return unordered ? list.map((each) => JSON.stringify(each)).sort() : list;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([each, inner]) => !left.has(each) && inner !== undefined)
      .map(([each, inner]) => [each, comparable(inner, each)]),
  );
}

/** For messages of failures. */
export function describe({ method, request }: AnyRequest): string {
  return `${method.path} ${JSON.stringify(comparable(request))}`;
}
