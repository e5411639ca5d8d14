/** The requests that are measured: keys of 8 bytes, values of 256. */
import * as pb from '../../src/server/proto/gen/etcdserverpb/rpc_pb.ts';
import { body } from './unary.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const value = new Uint8Array(256).fill(0x76);

/** Keys that a client with many of them reads and writes. */
export const manyKeys = 10_000;
/** Puts in one transaction while a server is being filled. */
const filledAtOnce = 100;

/** The `at`th key of 8 bytes in the space that a letter stands for. */
export function keyOf(space: string, at: number): string {
  return space + String(at).padStart(7, '0');
}

export const paths = {
  put: '/etcdserverpb.KV/Put',
  range: '/etcdserverpb.KV/Range',
  txn: '/etcdserverpb.KV/Txn',
  watch: '/etcdserverpb.Watch/Watch',
} as const;

export const putOf = (key: string): Buffer => body(pb.PutRequestSchema, { key: bytes(key), value });

export const rangeOf = (key: string, serializable = false): Buffer =>
  body(pb.RangeRequestSchema, { key: bytes(key), serializable });

/** The thousand keys of a space of their own. */
export const thousandKeys = body(pb.RangeRequestSchema, {
  key: bytes(keyOf('m', 0)),
  rangeEnd: bytes('n'),
});

/** Puts a key if another is not there. */
export const txnOf = (key: string): Buffer =>
  body(pb.TxnRequestSchema, {
    compare: [{ key: bytes('none'), target: 0, targetUnion: { case: 'version', value: 0n } }],
    success: [{ request: { case: 'requestPut', value: { key: bytes(key), value } } }],
  });

/** Transactions that put `count` keys of a space. */
export function* filling(space: string, count: number): Iterable<Buffer> {
  for (let from = 0; from < count; from += filledAtOnce) {
    const success = Array.from({ length: Math.min(filledAtOnce, count - from) }, (_, at) => ({
      request: {
        case: 'requestPut' as const,
        value: { key: bytes(keyOf(space, from + at)), value },
      },
    }));
    yield body(pb.TxnRequestSchema, { success });
  }
}

export const watchOf = (key: string): Buffer =>
  body(pb.WatchRequestSchema, {
    requestUnion: { case: 'createRequest', value: { key: bytes(key) } },
  });
