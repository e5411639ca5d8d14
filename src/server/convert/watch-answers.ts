/**
 * What watches are told, as messages of etcd's protocol. When a key that many watch is put, all of
 * them are told the same events in answers with the same header: both are put into bytes once.
 */
import type { Kv, WatchResponse } from '../../kv/api.ts';
import type { KeyEvent } from '../../mvcc/request.ts';
import { cancelReason } from '../errors.ts';
import type * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';
import type * as mvccpb from '../proto/gen/mvccpb/kv_pb.ts';
import { type EncodableWatchResponse, encodeEvents } from './encode.ts';
import { eventOf, headerOf } from './responses.ts';

const none: readonly KeyEvent[] = [];

/** An answer; objects are made of its events only if somebody looks. */
class WatchAnswer implements EncodableWatchResponse {
  readonly $typeName = 'etcdserverpb.WatchResponse';
  readonly header: pb.ResponseHeader;
  readonly watchId: bigint;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: bigint;
  readonly cancelReason: string;
  readonly fragment: boolean;
  readonly encodedEvents: Uint8Array;
  readonly #events: readonly KeyEvent[];

  constructor(response: WatchResponse, header: pb.ResponseHeader, encodedEvents: Uint8Array) {
    this.header = header;
    this.watchId = response.watchId;
    this.created = response.created;
    this.canceled = response.canceled;
    this.compactRevision = response.compactRevision === 0 ? 0n : BigInt(response.compactRevision);
    const { cancelReason: reason } = response;
    this.cancelReason = reason === undefined ? '' : cancelReason(reason);
    this.fragment = response.fragment;
    this.encodedEvents = encodedEvents;
    this.#events = response.events;
  }

  get events(): mvccpb.Event[] {
    return this.#events.map(eventOf);
  }
}

/** Makes answers, and remembers what the last one shares with the next. */
export class WatchAnswers {
  readonly #kv: Pick<Kv, 'header'>;
  #header: pb.ResponseHeader | undefined;
  #revision = 0;
  #term = 0;
  #events = none;
  #encoded = encodeEvents([]);

  constructor(kv: Pick<Kv, 'header'>) {
    this.#kv = kv;
  }

  /** The message of one response. */
  of(response: WatchResponse): pb.WatchResponse {
    return new WatchAnswer(response, this.#headerOf(response), this.#eventsOf(response));
  }

  #headerOf({ revision }: WatchResponse): pb.ResponseHeader {
    const facts = this.#kv.header();
    if (
      this.#header === undefined ||
      this.#revision !== revision ||
      this.#term !== facts.raftTerm ||
      this.#header.memberId !== facts.memberId ||
      this.#header.clusterId !== facts.clusterId
    ) {
      this.#revision = revision;
      this.#term = facts.raftTerm;
      // The revision says how far the watch has come, which may be nowhere yet.
      this.#header = { ...headerOf(facts), revision: BigInt(revision) };
    }
    return this.#header;
  }

  #eventsOf({ events }: WatchResponse): Uint8Array {
    if (events !== this.#events) {
      this.#events = events;
      this.#encoded = encodeEvents(events.map(eventOf));
    }
    return this.#encoded;
  }
}
