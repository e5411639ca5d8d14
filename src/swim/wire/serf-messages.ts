/**
 * Serf's messages, which travel inside memberlist's user messages: a type byte and a msgpack map.
 * Lamport times are 64 bits on the wire; what lies beyond 2^53 is malformed, because no cluster
 * ever counts that far, and because one such value, once witnessed, would stop every clock.
 */
import type { Address } from '../api.ts';
import type { Coordinate } from '../coordinate.ts';
import { parseIp } from './ip.ts';
import { fieldName, MsgpackWriter } from './msgpack-writer.ts';

export const serfTypes = {
  leave: 0,
  join: 1,
  pushPull: 2,
  userEvent: 3,
  query: 4,
  queryResponse: 5,
  conflictResponse: 6,
  keyRequest: 7,
  keyResponse: 8,
  relay: 9,
  /** Ours: bytes from one member to another; sent only to members that announce it. */
  direct: 0xd1,
} as const;

/** `Flags` of a query. */
export const queryFlags = { acknowledge: 1, noBroadcast: 2 } as const;
/** `Flags` of a response. */
export const responseFlags = { acknowledge: 1 } as const;
/** The byte before the tags in a member's meta data. */
export const tagsMagic = 0xff;
/** The byte before the coordinate in an ack. */
export const coordinateVersion = 1;

export interface LeaveIntent {
  readonly type: 'leave';
  readonly lamportTime: number;
  readonly node: string;
  readonly prune: boolean;
}

export interface JoinIntent {
  readonly type: 'join';
  readonly lamportTime: number;
  readonly node: string;
}

export interface UserEventMessage {
  readonly type: 'user-event';
  readonly lamportTime: number;
  readonly name: string;
  readonly payload: Uint8Array;
  readonly coalesce: boolean;
}

/** A condition of a query; one that we do not know is met by nobody. */
export type WireFilter =
  | { readonly kind: 'names'; readonly names: readonly string[] }
  | { readonly kind: 'tag'; readonly tag: string; readonly expression: string }
  | { readonly kind: 'unknown' };

export interface QueryMessage {
  readonly type: 'query';
  readonly lamportTime: number;
  readonly id: number;
  /** Where answers go. */
  readonly address: Address;
  readonly sourceNode: string;
  readonly filters: readonly WireFilter[];
  readonly flags: number;
  readonly relayFactor: number;
  readonly timeoutMs: number;
  readonly name: string;
  readonly payload: Uint8Array;
}

export interface QueryResponseMessage {
  readonly type: 'query-response';
  readonly lamportTime: number;
  readonly id: number;
  readonly from: string;
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** `inner` is to be passed on to `address`. */
export interface RelayMessage {
  readonly type: 'relay';
  readonly address: Address;
  readonly name: string;
  readonly inner: Uint8Array;
}

export interface DirectMessage {
  readonly type: 'direct';
  readonly payload: Uint8Array;
}

export type SerfMessage =
  | LeaveIntent
  | JoinIntent
  | UserEventMessage
  | QueryMessage
  | QueryResponseMessage
  | RelayMessage
  | DirectMessage;

/** Serf's part of a push/pull. */
export interface SerfState {
  readonly lamportTime: number;
  /** Of each member, the time of the last intent that was heeded. */
  readonly statusTimes: ReadonlyMap<string, number>;
  readonly leftMembers: readonly string[];
  readonly eventTime: number;
  readonly events: readonly Omit<UserEventMessage, 'type' | 'coalesce'>[];
  readonly queryTime: number;
  /** Ours, in a field that Serf passes over: what the application shares. */
  readonly shared: Uint8Array | undefined;
}

export interface KeyResponse {
  readonly result: boolean;
  readonly message: string;
  /** Base64. */
  readonly keys: readonly string[];
  readonly primaryKey: string;
}

/** What a member says of the holder of a name. */
export interface ConflictResponse {
  readonly name: string;
  readonly address: Address;
}

/** How much a member's record says beside name and address, for the conflict's answer. */
export interface ConflictRecord extends ConflictResponse {
  readonly tags: ReadonlyMap<string, string>;
  /** Serf's number of the status: 1 alive, 2 leaving, 3 left, 4 failed. */
  readonly status: number;
  readonly versions: Uint8Array;
}

const field = Object.fromEntries(
  [
    ...['Addr', 'Adjustment', 'CC', 'DelegateCur', 'DelegateMax', 'DelegateMin', 'DestAddr'],
    ...['DestName', 'Error', 'EventLTime', 'Events', 'Expr', 'Filters', 'Flags', 'From', 'Height'],
    ...['ID', 'IP', 'Key', 'Keys', 'LTime', 'LeftMembers', 'Message', 'Name', 'Node', 'Payload'],
    ...['Port', 'PrimaryKey', 'ProtocolCur', 'ProtocolMax', 'ProtocolMin', 'Prune', 'QueryLTime'],
    ...['QuorateShared', 'RelayFactor', 'Result', 'SourceNode', 'Status', 'StatusLTimes', 'Tag'],
    ...['Tags', 'Timeout', 'Vec', 'Zone'],
  ].map((name) => [name, fieldName(name)]),
);
const noBytes: Uint8Array = new Uint8Array(0);
const writer = new MsgpackWriter(4096);
const key = (name: string): MsgpackWriter => writer.plain(field[name]!);
const ipBytesOf = (address: Address): Uint8Array => parseIp(address.host) ?? noBytes;
const nanosecondsPerMs = 1_000_000;

export function encodeLeave(intent: Omit<LeaveIntent, 'type'>): Uint8Array {
  writer.byte(serfTypes.leave).map(3);
  key('LTime').uint(intent.lamportTime);
  key('Node').string(intent.node);
  key('Prune').boolean(intent.prune);
  return writer.finish();
}

export function encodeJoin(intent: Omit<JoinIntent, 'type'>): Uint8Array {
  writer.byte(serfTypes.join).map(2);
  key('LTime').uint(intent.lamportTime);
  key('Node').string(intent.node);
  return writer.finish();
}

export function encodeUserEvent(event: Omit<UserEventMessage, 'type'>): Uint8Array {
  writer.byte(serfTypes.userEvent).map(4);
  key('CC').boolean(event.coalesce);
  key('LTime').uint(event.lamportTime);
  key('Name').string(event.name);
  key('Payload').raw(event.payload);
  return writer.finish();
}

function encodeFilter(filter: WireFilter): Uint8Array {
  const inner = new MsgpackWriter(64);
  if (filter.kind === 'names') {
    inner.byte(0).array(filter.names.length);
    for (const name of filter.names) inner.string(name);
  } else if (filter.kind === 'tag') {
    inner.byte(1).map(2).plain(field.Expr!).string(filter.expression);
    inner.plain(field.Tag!).string(filter.tag);
  }
  return inner.finish();
}

export function encodeQuery(query: Omit<QueryMessage, 'type'>): Uint8Array {
  writer.byte(serfTypes.query).map(11);
  key('Addr').raw(ipBytesOf(query.address));
  key('Filters').array(query.filters.length);
  for (const filter of query.filters) writer.raw(encodeFilter(filter));
  key('Flags').uint(query.flags);
  key('ID').uint(query.id);
  key('LTime').uint(query.lamportTime);
  key('Name').string(query.name);
  key('Payload').raw(query.payload);
  key('Port').uint(query.address.port);
  key('RelayFactor').uint(query.relayFactor);
  key('SourceNode').string(query.sourceNode);
  key('Timeout').uint(Math.round(query.timeoutMs * nanosecondsPerMs));
  return writer.finish();
}

export function encodeQueryResponse(response: Omit<QueryResponseMessage, 'type'>): Uint8Array {
  writer.byte(serfTypes.queryResponse).map(5);
  key('Flags').uint(response.flags);
  key('From').string(response.from);
  key('ID').uint(response.id);
  key('LTime').uint(response.lamportTime);
  key('Payload').raw(response.payload);
  return writer.finish();
}

export function encodeRelay(relay: Omit<RelayMessage, 'type'>): Uint8Array {
  writer.byte(serfTypes.relay).map(2);
  key('DestAddr').map(3);
  key('IP').raw(ipBytesOf(relay.address));
  key('Port').uint(relay.address.port);
  key('Zone').string('');
  key('DestName').string(relay.name);
  return writer.plain(relay.inner).finish();
}

export function encodeDirect(payload: Uint8Array): Uint8Array {
  return writer.byte(serfTypes.direct).plain(payload).finish();
}

export function encodeSerfState(state: SerfState): Uint8Array {
  writer.byte(serfTypes.pushPull).map(state.shared === undefined ? 6 : 7);
  key('EventLTime').uint(state.eventTime);
  // Serf sends a slot for each place of its ring; the time within says where an event belongs.
  const byTime = new Map<number, SerfState['events'][number][]>();
  for (const event of state.events) {
    const sameTime = byTime.get(event.lamportTime);
    if (sameTime === undefined) byTime.set(event.lamportTime, [event]);
    else sameTime.push(event);
  }
  key('Events').array(byTime.size);
  for (const [lamportTime, events] of byTime) {
    writer.map(2);
    key('Events').array(events.length);
    for (const event of events) {
      writer.map(2);
      key('Name').string(event.name);
      key('Payload').raw(event.payload);
    }
    key('LTime').uint(lamportTime);
  }
  key('LTime').uint(state.lamportTime);
  key('LeftMembers').array(state.leftMembers.length);
  for (const name of state.leftMembers) writer.string(name);
  key('QueryLTime').uint(state.queryTime);
  if (state.shared !== undefined) key('QuorateShared').raw(state.shared);
  key('StatusLTimes').map(state.statusTimes.size);
  for (const [name, lamportTime] of state.statusTimes) writer.string(name).uint(lamportTime);
  return writer.finish();
}

export function encodeTags(tags: ReadonlyMap<string, string>): Uint8Array {
  writer.byte(tagsMagic);
  writeTags(tags);
  return writer.finish();
}

function writeTags(tags: ReadonlyMap<string, string>): void {
  writer.map(tags.size);
  for (const name of [...tags.keys()].sort()) writer.string(name).string(tags.get(name)!);
}

/** A coordinate as the payload of an ack. */
export function encodeCoordinate(coordinate: Coordinate): Uint8Array {
  writer.byte(coordinateVersion).map(4);
  key('Adjustment').float(coordinate.adjustment);
  key('Error').float(coordinate.error);
  key('Height').float(coordinate.height);
  key('Vec').array(coordinate.vector.length);
  for (const component of coordinate.vector) writer.float(component);
  return writer.finish();
}

export function encodeKeyRequest(bytes: Uint8Array | undefined): Uint8Array {
  writer.byte(serfTypes.keyRequest).map(1);
  if (bytes === undefined) key('Key').nil();
  else key('Key').raw(bytes);
  return writer.finish();
}

export function encodeKeyResponse(response: KeyResponse): Uint8Array {
  writer.byte(serfTypes.keyResponse).map(4);
  key('Keys').array(response.keys.length);
  for (const text of response.keys) writer.string(text);
  key('Message').string(response.message);
  key('PrimaryKey').string(response.primaryKey);
  key('Result').boolean(response.result);
  return writer.finish();
}

export function encodeConflictResponse(record: ConflictRecord): Uint8Array {
  const [protocolMin, protocolMax, protocolCur, delegateMin, delegateMax, delegateCur] =
    record.versions;
  writer.byte(serfTypes.conflictResponse).map(11);
  key('Addr').raw(ipBytesOf(record.address));
  key('DelegateCur').uint(delegateCur ?? 0);
  key('DelegateMax').uint(delegateMax ?? 0);
  key('DelegateMin').uint(delegateMin ?? 0);
  key('Name').string(record.name);
  key('Port').uint(record.address.port);
  key('ProtocolCur').uint(protocolCur ?? 0);
  key('ProtocolMax').uint(protocolMax ?? 0);
  key('ProtocolMin').uint(protocolMin ?? 0);
  key('Status').uint(record.status);
  key('Tags');
  writeTags(record.tags);
  return writer.finish();
}
