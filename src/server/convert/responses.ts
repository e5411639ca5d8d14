/**
 * Answers of the key-value model as messages of etcd's protocol.
 *
 * Headers: the revision is the answer's own where it has one, else the member's current one. Inside
 * a transaction headers have the revision alone, and those of nested transactions nothing at all.
 */
import { create } from '@bufbuild/protobuf';
import type { HeaderFacts } from '../../kv/api.ts';
import { encodedPairs } from '../../mvcc/range.ts';
import type {
  DeleteRangeResponse,
  KeyEvent,
  KeyValue,
  PutResponse,
  RangeResponse,
  TxnOperationResponse,
  TxnResponse,
} from '../../mvcc/request.ts';
import * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';
import * as mvccpb from '../proto/gen/mvccpb/kv_pb.ts';
import { keepPairs } from './encode.ts';

/** Makes headers; the revision may be given, and is the member's current one otherwise. */
export function headerOf(facts: HeaderFacts, revision = facts.revision): pb.ResponseHeader {
  return {
    $typeName: 'etcdserverpb.ResponseHeader',
    clusterId: facts.clusterId,
    memberId: facts.memberId,
    revision: BigInt(revision === 0 ? facts.revision : revision),
    raftTerm: BigInt(facts.raftTerm),
  };
}

/** The header of answers that say nothing of keys: its revision is 0. */
export function clusterHeader(facts: HeaderFacts): pb.ResponseHeader {
  return create(pb.ResponseHeaderSchema, {
    clusterId: facts.clusterId,
    memberId: facts.memberId,
    raftTerm: BigInt(facts.raftTerm),
  });
}

function innerHeader(revision: number): pb.ResponseHeader {
  return {
    $typeName: 'etcdserverpb.ResponseHeader',
    clusterId: 0n,
    memberId: 0n,
    revision: BigInt(revision),
    raftTerm: 0n,
  };
}

export function keyValueOf(kv: KeyValue): mvccpb.KeyValue {
  // A literal, since making it by the schema costs more than all the rest of the answer.
  return {
    $typeName: 'mvccpb.KeyValue',
    key: kv.key,
    value: kv.value,
    createRevision: BigInt(kv.createRevision),
    modRevision: BigInt(kv.modRevision),
    version: BigInt(kv.version),
    lease: kv.lease,
  };
}

export function eventOf({ type, kv, prevKv }: KeyEvent): mvccpb.Event {
  return {
    $typeName: 'mvccpb.Event',
    type: type === 'put' ? mvccpb.Event_EventType.PUT : mvccpb.Event_EventType.DELETE,
    kv: keyValueOf(kv),
    ...(prevKv === undefined ? {} : { prevKv: keyValueOf(prevKv) }),
  };
}

export function rangeResponse(
  response: RangeResponse,
  header: pb.ResponseHeader,
): pb.RangeResponse {
  const { more } = response;
  const count = BigInt(response.count);
  const encoded = encodedPairs(response);
  if (encoded !== undefined) {
    const message: pb.RangeResponse = {
      $typeName: 'etcdserverpb.RangeResponse',
      header,
      // Who sends it as bytes does not look.
      get kvs() {
        return response.kvs.map(keyValueOf);
      },
      more,
      count,
    };
    keepPairs(message, encoded);
    return message;
  }
  const kvs = response.kvs.map(keyValueOf);
  return { $typeName: 'etcdserverpb.RangeResponse', header, kvs, more, count };
}

export function putResponse({ prevKv }: PutResponse, header: pb.ResponseHeader): pb.PutResponse {
  return {
    $typeName: 'etcdserverpb.PutResponse',
    header,
    ...(prevKv === undefined ? {} : { prevKv: keyValueOf(prevKv) }),
  };
}

export function deleteRangeResponse(
  response: DeleteRangeResponse,
  header: pb.ResponseHeader,
): pb.DeleteRangeResponse {
  return {
    $typeName: 'etcdserverpb.DeleteRangeResponse',
    header,
    deleted: BigInt(response.deleted),
    prevKvs: response.prevKvs.map(keyValueOf),
  };
}

export function txnResponse(response: TxnResponse, header: pb.ResponseHeader): pb.TxnResponse {
  return {
    $typeName: 'etcdserverpb.TxnResponse',
    header,
    succeeded: response.succeeded,
    responses: response.responses.map(operationResponse),
  };
}

function operationResponse(inner: TxnOperationResponse): pb.ResponseOp {
  const response = ((): pb.ResponseOp['response'] => {
    switch (inner.type) {
      case 'range':
        return {
          case: 'responseRange',
          value: rangeResponse(inner, innerHeader(inner.revision)),
        };
      case 'put':
        return { case: 'responsePut', value: putResponse(inner, innerHeader(inner.revision)) };
      case 'delete-range':
        return {
          case: 'responseDeleteRange',
          value: deleteRangeResponse(inner, innerHeader(inner.revision)),
        };
      case 'txn':
        return { case: 'responseTxn', value: txnResponse(inner, innerHeader(0)) };
    }
  })();
  return { $typeName: 'etcdserverpb.ResponseOp', response };
}
