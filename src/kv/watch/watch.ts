/** One watch: which events it wants, and how far it has been told. */
import { type KeyInterval, keyInterval } from '../../mvcc/key-intervals.ts';
import type { KeyEvent } from '../../mvcc/request.ts';
import type { WatchCreateRequest } from '../api.ts';

const nothing = new Uint8Array();

export class Watch {
  readonly id: bigint;
  readonly request: WatchCreateRequest;
  readonly interval: KeyInterval;
  /** Whether it watches one key. */
  readonly single: boolean;
  /**
   * The first revision that it has not been told of: everything below was sent, or is of no
   * interest to it. It only grows.
   */
  nextRevision: number;
  /** Where history has to be read for it; else it is told as things happen. */
  behind = false;
  /** Since the last periodic progress it has heard of something. */
  active = false;

  private constructor(
    id: bigint,
    request: WatchCreateRequest,
    { interval, nextRevision }: { readonly interval: KeyInterval; readonly nextRevision: number },
  ) {
    this.id = id;
    this.request = request;
    this.interval = interval;
    this.single = request.rangeEnd.length === 0;
    this.nextRevision = nextRevision;
  }

  /** Undefined for an empty range, which etcd refuses without a word. */
  static from(id: bigint, request: WatchCreateRequest, currentRevision: number): Watch | undefined {
    const key = request.key.length === 0 ? Uint8Array.of(0) : request.key;
    const interval = keyInterval(key, request.rangeEnd);
    if (interval === undefined) return undefined;
    const { startRevision } = request;
    const nextRevision = startRevision === 0 ? currentRevision + 1 : startRevision;
    return new Watch(id, { ...request, key }, { interval, nextRevision });
  }

  /** Whether it asked for this kind of event, from its revision on. */
  wants({ type, kv }: KeyEvent): boolean {
    if (kv.modRevision < this.nextRevision) return false;
    return type === 'put' ? !this.request.noPut : !this.request.noDelete;
  }

  /** The event as this watch is told it. */
  view(event: KeyEvent): KeyEvent {
    return viewOf(event, this.request.prevKv);
  }
}

/** An event with what was there before, or without: to look for that costs a read of the store. */
export function viewOf(event: KeyEvent, prevKv: boolean): KeyEvent {
  const { type, kv } = event;
  return { type, kv, prevKv: prevKv ? event.prevKv : undefined };
}

/** The bytes of an event, near enough to split messages by. */
export function eventBytes({ kv, prevKv }: KeyEvent): number {
  const previous = prevKv === undefined ? 0 : prevKv.key.length + prevKv.value.length + 40;
  return kv.key.length + (kv.value ?? nothing).length + previous + 48;
}
