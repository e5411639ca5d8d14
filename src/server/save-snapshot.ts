/**
 * Saves the state of a running server of etcd's protocol as a snapshot: its Maintenance service
 * streams the database, and a SHA-256 of it last of all, which is checked on the way.
 */
import { create } from '@bufbuild/protobuf';
import { equalBytes } from '../base/compare-bytes.ts';
import { QuorateError } from '../base/errors.ts';
import { type ClientStream, GrpcClient } from '../grpc/client.ts';
import { rpcError, type Status, statusCodes } from '../grpc/status.ts';
import type { Clock } from '../ports/clock.ts';
import type { Compression } from '../ports/compression.ts';
import { type Crypto, sha256Bytes } from '../ports/crypto.ts';
import type { Http, HttpConnection } from '../ports/http.ts';
import type { Credentials } from '../ports/streams.ts';
import * as pb from './proto/gen/etcdserverpb/rpc_pb.ts';
import { methodOf } from './services/registry.ts';
import { parseUrls } from './settings/urls.ts';
import { settled } from './tls.ts';

/** Whom to ask, and as whom. */
export interface SnapshotSource {
  /** `http://HOST:PORT`, or `https://`. */
  readonly url: string;
  readonly user?: { readonly name: string; readonly password: string };
  /** For `https`: the authority that the server's certificate comes from, and the own certificate. */
  readonly credentials?: Credentials;
}

/** What saving stands on. */
export interface SavingPorts {
  readonly http: Http;
  readonly clock: Clock;
  readonly compression: Compression;
  readonly crypto: Crypto;
}

/** What was saved. */
export interface SavedSnapshot {
  readonly sizeBytes: number;
  /** The version of etcd's format, where the server says it. */
  readonly version: string;
}

const connectMsMax = 5_000;
const authenticateMsMax = 10_000;

/**
 * Streams a snapshot into `write`, which is waited for.
 * @throws QuorateError `invalid-config` for a URL that is none, `connection-refused` and what else
 *   connecting fails with, `rpc-failed`, `rpc-unavailable`, `snapshot-damaged` where the checksum
 *   does not fit, or what `write` throws
 */
export async function streamSnapshotFrom(
  ports: SavingPorts,
  { url, user, credentials = {} }: SnapshotSource,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<SavedSnapshot> {
  const [{ address, secure }] = parseUrls([url], 'endpoint') as [ReturnType<typeof parseUrls>[0]];
  const tls = secure ? { tls: { credentials, protocols: ['h2'] } } : {};
  const connection = await settled<HttpConnection>((answer) =>
    ports.http.connect({ address, ...tls, timeoutMs: connectMsMax }, () => {}, answer),
  );
  try {
    const client = new GrpcClient(connection, ports);
    const token = user === undefined ? undefined : await tokenFor(client, user);
    return await stream(client, { token, crypto: ports.crypto, write });
  } finally {
    connection.destroy();
  }
}

async function tokenFor(
  client: GrpcClient,
  user: NonNullable<SnapshotSource['user']>,
): Promise<string> {
  const method = methodOf(pb.Auth.method.authenticate);
  const request = create(pb.AuthenticateRequestSchema, user);
  const { token } = await client.unary(method, request, { timeoutMs: authenticateMsMax });
  return token;
}

interface Streaming {
  readonly token: string | undefined;
  readonly crypto: Crypto;
  readonly write: (bytes: Uint8Array) => Promise<void>;
}

function stream(client: GrpcClient, { token, crypto, write }: Streaming): Promise<SavedSnapshot> {
  const checksum = new Checksum(crypto);
  let version = '';
  let last = Promise.resolve();
  return new Promise((resolve, reject) => {
    const metadata = token === undefined ? {} : { token };
    const call: ClientStream<pb.SnapshotRequest> = client.stream(
      methodOf(pb.Maintenance.method.snapshot),
      { metadata },
      {
        received: (response) => {
          version = response.version;
          checksum.add(response.blob);
          // One piece at a time: the server waits as long as the disk does.
          call.pause();
          last = last.then(() => write(response.blob)).then(() => call.resume());
          last.catch((error: unknown) => {
            call.cancel();
            reject(error);
          });
        },
        ended: (status: Status) => {
          if (status.code !== statusCodes.ok) return reject(rpcError(status));
          const saved = { sizeBytes: checksum.sizeBytes, version };
          last.then(() => checksum.check()).then(() => resolve(saved), reject);
        },
      },
    );
    call.send(create(pb.SnapshotRequestSchema));
    call.end();
  });
}

/** Of all that comes but for the last 32 bytes, which are the checksum itself. */
class Checksum {
  readonly #sum: ReturnType<Crypto['createSha256']>;
  #tail: Uint8Array = new Uint8Array();
  sizeBytes = 0;

  constructor(crypto: Crypto) {
    this.#sum = crypto.createSha256();
  }

  add(bytes: Uint8Array): void {
    this.sizeBytes += bytes.length;
    const all = new Uint8Array(this.#tail.length + bytes.length);
    all.set(this.#tail);
    all.set(bytes, this.#tail.length);
    const end = Math.max(0, all.length - sha256Bytes);
    this.#sum.update(all.subarray(0, end));
    this.#tail = all.slice(end);
  }

  /** @throws QuorateError `snapshot-damaged` */
  check(): void {
    if (equalBytes(this.#sum.finish(), this.#tail)) return;
    throw new QuorateError('snapshot-damaged', 'the checksum of what the server sent does not fit');
  }
}
