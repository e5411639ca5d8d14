/**
 * The messages of memberlist: one type each, and how it is written. A message is a type byte and a
 * msgpack map whose fields stand in the order of their names. Reading is
 * {@link file://./decode-messages.ts decode-messages}; what wraps messages into packets is
 * {@link file://./packet.ts packet}.
 */
import type { Address } from '../api.ts';
import { parseIp } from './ip.ts';
import { fieldName, MsgpackWriter } from './msgpack-writer.ts';

export const messageTypes = {
  ping: 0,
  indirectPing: 1,
  ack: 2,
  suspect: 3,
  alive: 4,
  dead: 5,
  pushPull: 6,
  compound: 7,
  user: 8,
  compress: 9,
  encrypt: 10,
  nack: 11,
  crc: 12,
  error: 13,
  label: 244,
} as const;

/** Who sent a probe, where the receiver's view of the packet's source may be wrong. */
export interface ProbeSource {
  readonly address: Address;
  readonly name: string;
}

export interface PingMessage {
  readonly type: 'ping';
  readonly sequence: number;
  /** Whom the ping is for; a process that took over the address must not answer. May be ''. */
  readonly node: string;
  readonly source?: ProbeSource;
}

export interface IndirectPingMessage {
  readonly type: 'indirect-ping';
  readonly sequence: number;
  readonly target: Address;
  readonly node: string;
  /** Whether the prober expects a nack if the target does not answer. */
  readonly nack: boolean;
  readonly source?: ProbeSource;
}

export interface AckMessage {
  readonly type: 'ack';
  readonly sequence: number;
  readonly payload: Uint8Array | undefined;
}

export interface NackMessage {
  readonly type: 'nack';
  readonly sequence: number;
}

export interface ErrorMessage {
  readonly type: 'error';
  readonly error: string;
}

export interface SuspectMessage {
  readonly type: 'suspect';
  readonly incarnation: number;
  readonly node: string;
  readonly from: string;
}

export interface DeadMessage {
  readonly type: 'dead';
  readonly incarnation: number;
  readonly node: string;
  /** Equal to `node` where the member has left by itself. */
  readonly from: string;
}

export interface AliveMessage {
  readonly type: 'alive';
  readonly incarnation: number;
  readonly node: string;
  readonly address: Address;
  readonly meta: Uint8Array;
  /** Protocol min, max, current, then the delegate's; empty if there were none. */
  readonly versions: Uint8Array;
}

/** An opaque message of the layer above: here Serf's. */
export interface UserMessage {
  readonly type: 'user';
  readonly payload: Uint8Array;
}

/** What a packet may hold. */
export type PacketMessage =
  | PingMessage
  | IndirectPingMessage
  | AckMessage
  | NackMessage
  | SuspectMessage
  | AliveMessage
  | DeadMessage
  | UserMessage;

/** `0 alive, 1 suspect, 2 dead, 3 left`, by their numbers. */
export const wireStates = ['alive', 'suspect', 'dead', 'left'] as const;
export type WireState = (typeof wireStates)[number];

/** One member in a push/pull. */
export interface PushPullNode {
  readonly name: string;
  readonly address: Address;
  readonly meta: Uint8Array;
  readonly incarnation: number;
  readonly state: WireState;
  readonly versions: Uint8Array;
}

/** All that one side knows, as exchanged over TCP. */
export interface PushPullMessage {
  readonly type: 'push-pull';
  readonly join: boolean;
  readonly nodes: readonly PushPullNode[];
  readonly userState: Uint8Array;
}

const field = {
  addr: fieldName('Addr'),
  error: fieldName('Error'),
  from: fieldName('From'),
  incarnation: fieldName('Incarnation'),
  join: fieldName('Join'),
  meta: fieldName('Meta'),
  nack: fieldName('Nack'),
  name: fieldName('Name'),
  node: fieldName('Node'),
  nodes: fieldName('Nodes'),
  payload: fieldName('Payload'),
  port: fieldName('Port'),
  seqNo: fieldName('SeqNo'),
  sourceAddr: fieldName('SourceAddr'),
  sourceNode: fieldName('SourceNode'),
  sourcePort: fieldName('SourcePort'),
  state: fieldName('State'),
  target: fieldName('Target'),
  userMsgLen: fieldName('UserMsgLen'),
  userStateLen: fieldName('UserStateLen'),
  vsn: fieldName('Vsn'),
};

const noBytes: Uint8Array = new Uint8Array(0);
const ipBytesOf = (address: Address): Uint8Array => parseIp(address.host) ?? noBytes;

// Encoding is synchronous and every encoder ends with `finish`, so that one buffer serves all.
const writer = new MsgpackWriter(4096);

function writeSource(source: ProbeSource): void {
  writer.plain(field.sourceAddr).raw(ipBytesOf(source.address));
  writer.plain(field.sourceNode).string(source.name);
  writer.plain(field.sourcePort).uint(source.address.port);
}

export function encodePing(message: Omit<PingMessage, 'type'>): Uint8Array {
  const { source } = message;
  writer.byte(messageTypes.ping).map(source === undefined ? 2 : 5);
  writer.plain(field.node).string(message.node);
  writer.plain(field.seqNo).uint(message.sequence);
  if (source !== undefined) writeSource(source);
  return writer.finish();
}

export function encodeIndirectPing(message: Omit<IndirectPingMessage, 'type'>): Uint8Array {
  const { source } = message;
  writer.byte(messageTypes.indirectPing).map(source === undefined ? 5 : 8);
  writer.plain(field.nack).boolean(message.nack);
  writer.plain(field.node).string(message.node);
  writer.plain(field.port).uint(message.target.port);
  writer.plain(field.seqNo).uint(message.sequence);
  if (source !== undefined) writeSource(source);
  writer.plain(field.target).raw(ipBytesOf(message.target));
  return writer.finish();
}

export function encodeAck(message: Omit<AckMessage, 'type'>): Uint8Array {
  writer.byte(messageTypes.ack).map(2).plain(field.payload);
  if (message.payload === undefined) writer.nil();
  else writer.raw(message.payload);
  writer.plain(field.seqNo).uint(message.sequence);
  return writer.finish();
}

export function encodeNack(sequence: number): Uint8Array {
  return writer.byte(messageTypes.nack).map(1).plain(field.seqNo).uint(sequence).finish();
}

export function encodeError(error: string): Uint8Array {
  return writer.byte(messageTypes.error).map(1).plain(field.error).string(error).finish();
}

export function encodeSuspect(message: Omit<SuspectMessage, 'type'>): Uint8Array {
  return encodeAccusation(messageTypes.suspect, message);
}

export function encodeDead(message: Omit<DeadMessage, 'type'>): Uint8Array {
  return encodeAccusation(messageTypes.dead, message);
}

function encodeAccusation(
  type: number,
  message: { incarnation: number; node: string; from: string },
): Uint8Array {
  writer.byte(type).map(3);
  writer.plain(field.from).string(message.from);
  writer.plain(field.incarnation).uint(message.incarnation);
  writer.plain(field.node).string(message.node);
  return writer.finish();
}

export function encodeAlive(message: Omit<AliveMessage, 'type'>): Uint8Array {
  writer.byte(messageTypes.alive).map(6);
  writer.plain(field.addr).raw(ipBytesOf(message.address));
  writer.plain(field.incarnation).uint(message.incarnation);
  writer.plain(field.meta).raw(message.meta);
  writer.plain(field.node).string(message.node);
  writer.plain(field.port).uint(message.address.port);
  writer.plain(field.vsn).raw(message.versions);
  return writer.finish();
}

/** A user message in a packet: no length, it ends with its piece. */
export function encodeUser(payload: Uint8Array): Uint8Array {
  return writer.byte(messageTypes.user).plain(payload).finish();
}

/** A user message over TCP, with its length. */
export function encodeUserStream(payload: Uint8Array): Uint8Array {
  writer.byte(messageTypes.user).map(1).plain(field.userMsgLen).uint(payload.length);
  return writer.plain(payload).finish();
}

export function encodePushPull(message: Omit<PushPullMessage, 'type'>): Uint8Array {
  writer.byte(messageTypes.pushPull).map(3);
  writer.plain(field.join).boolean(message.join);
  writer.plain(field.nodes).uint(message.nodes.length);
  writer.plain(field.userStateLen).uint(message.userState.length);
  for (const node of message.nodes) {
    writer.map(7);
    writer.plain(field.addr).raw(ipBytesOf(node.address));
    writer.plain(field.incarnation).uint(node.incarnation);
    writer.plain(field.meta).raw(node.meta);
    writer.plain(field.name).string(node.name);
    writer.plain(field.port).uint(node.address.port);
    writer.plain(field.state).uint(wireStates.indexOf(node.state));
    writer.plain(field.vsn).raw(node.versions);
  }
  return writer.plain(message.userState).finish();
}
