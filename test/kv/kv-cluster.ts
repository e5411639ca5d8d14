/** Key-value services on real members, and short ways to ask them. */
import { join } from 'node:path';
import { type TestCluster, testCluster } from '../../src/index.ts';
import type { Kv, WatchCreateRequest, WatchResponse, WatchStream } from '../../src/kv/api.ts';
import { type KvOptions, openKv } from '../../src/kv/open-kv.ts';
import { nodePorts } from '../../src/platform/node-ports.ts';
import { temporaryDirectory } from '../../src/platform/temporary-directory.ts';
import { silentLogger } from '../../src/ports/logger.ts';
import { patienceMs, until } from '../processes/waiting.ts';

export interface KvCluster {
  readonly members: TestCluster;
  readonly kvs: Kv[];
  open(index: number): Promise<Kv>;
  leader(): Kv;
  close(): Promise<void>;
}

/** Elections take 0.2 s and more. */
export async function kvCluster(
  count: number,
  options: Partial<KvOptions> = {},
): Promise<KvCluster> {
  const directory = await temporaryDirectory();
  const members = await testCluster({ members: count, options: { logger: silentLogger } });
  const kvs: Kv[] = [];
  const cluster: KvCluster = {
    members,
    kvs,
    async open(index) {
      const member = members.members[index]!;
      const ports = nodePorts({
        dataDir: join(directory.path, String(index)),
        logger: silentLogger,
      });
      const base = { member, ports, logger: silentLogger, electionTimeoutMs: 200 };
      const kv = await openKv({ ...base, ...options });
      kvs[index] = kv;
      return kv;
    },
    leader: () => kvs.find((kv) => kv.isLeader)!,
    async close() {
      await Promise.all(kvs.map((kv) => kv.close()));
      await members.close();
      await directory.remove();
    },
  };
  await Promise.all(members.members.map((_, index) => cluster.open(index)));
  await until('a leader', () => kvs.some((kv) => kv.isLeader));
  return cluster;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (of: Uint8Array): string => new TextDecoder().decode(of);
export {
  deleteRequest as del,
  putRequest as put,
  rangeRequest as range,
  txnRequest as txn,
} from '../../src/mvcc/make-request.ts';

/** A stream of watches whose messages are gathered. */
export class Watching {
  readonly responses: WatchResponse[] = [];
  readonly stream: WatchStream;
  ended: string | undefined;
  /** Set to false: the client takes no more. */
  open = true;
  #wake: () => void = () => {};

  constructor(kv: Kv, options: Parameters<Kv['watch']>[1] = {}) {
    this.stream = kv.watch(
      {
        send: (response) => {
          this.responses.push(response);
          this.#wake();
          return this.open;
        },
        ended: ({ code }) => {
          this.ended = code;
          this.#wake();
        },
      },
      options,
    );
  }

  create(key: string, more: Partial<WatchCreateRequest> = {}): this {
    this.stream.create({
      key: bytes(key),
      rangeEnd: new Uint8Array(),
      startRevision: 0,
      progressNotify: false,
      noPut: false,
      noDelete: false,
      prevKv: false,
      watchId: 0n,
      fragment: false,
      ...more,
    });
    return this;
  }

  /** All events so far, as `type key=value@revision`. */
  get events(): string[] {
    return this.responses.flatMap(({ events }) =>
      events.map(({ type, kv }) => `${type} ${text(kv.key)}=${text(kv.value)}@${kv.modRevision}`),
    );
  }

  async until(condition: (watching: this) => boolean, limitMs = patienceMs): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, limitMs);
    try {
      while (!condition(this)) {
        if (late) throw new Error(`not so after ${limitMs} ms: ${this.events.join(', ')}`);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }
}
