/**
 * Reads memberlist's messages. Fields may come in any order, and unknown ones are passed over, so
 * that newer peers are understood. Strings and numbers are checked against the ranges that the
 * protocol can mean; whatever is outside is malformed, and so is a message without the fields that
 * name its subject.
 */
import { formatIp } from './ip.ts';
import {
  type AckMessage,
  type AliveMessage,
  type DeadMessage,
  type ErrorMessage,
  type IndirectPingMessage,
  messageTypes,
  type NackMessage,
  type PacketMessage,
  type PingMessage,
  type ProbeSource,
  type PushPullNode,
  type SuspectMessage,
  wireStates,
} from './messages.ts';
import { MsgpackReader } from './msgpack-reader.ts';
import { WireError } from './wire-error.ts';

/** Longest member name taken from the wire. */
export const nameBytesMax = 512;
/** Largest meta data of a member, fixed by the protocol. */
export const metaBytesMax = 512;
const errorBytesMax = 4_096;
const uint32Max = 0xffff_ffff;
const portMax = 0xffff;
const noBytes: Uint8Array = new Uint8Array(0);

/** All fields that any message has, as far as they were present. */
interface Fields {
  addr: Uint8Array | undefined;
  error: string | undefined;
  from: string | undefined;
  incarnation: number | undefined;
  meta: Uint8Array;
  nack: boolean;
  name: string | undefined;
  node: string | undefined;
  payload: Uint8Array | undefined;
  port: number;
  seqNo: number | undefined;
  sourceAddr: Uint8Array;
  sourceNode: string;
  sourcePort: number;
  state: number | undefined;
  target: Uint8Array | undefined;
  vsn: Uint8Array;
}

function readFields(reader: MsgpackReader): Fields {
  const fields: Fields = {
    addr: undefined,
    error: undefined,
    from: undefined,
    incarnation: undefined,
    meta: noBytes,
    nack: false,
    name: undefined,
    node: undefined,
    payload: undefined,
    port: 0,
    seqNo: undefined,
    sourceAddr: noBytes,
    sourceNode: '',
    sourcePort: 0,
    state: undefined,
    target: undefined,
    vsn: noBytes,
  };
  for (let left = reader.map(); left > 0; left--) readField(reader, fields);
  return fields;
}

function readField(reader: MsgpackReader, fields: Fields): void {
  switch (reader.string(nameBytesMax)) {
    case 'Addr':
      fields.addr = reader.raw();
      break;
    case 'Error':
      fields.error = reader.string(errorBytesMax);
      break;
    case 'From':
      fields.from = reader.string(nameBytesMax);
      break;
    case 'Incarnation':
      fields.incarnation = reader.uint(uint32Max);
      break;
    case 'Meta':
      fields.meta = reader.raw();
      if (fields.meta.length > metaBytesMax) throw new WireError('meta-too-large');
      break;
    case 'Nack':
      fields.nack = reader.boolean();
      break;
    case 'Name':
      fields.name = reader.string(nameBytesMax);
      break;
    case 'Node':
      fields.node = reader.string(nameBytesMax);
      break;
    case 'Payload':
      fields.payload = reader.raw();
      break;
    case 'Port':
      fields.port = reader.uint(portMax);
      break;
    case 'SeqNo':
      fields.seqNo = reader.uint(uint32Max);
      break;
    case 'SourceAddr':
      fields.sourceAddr = reader.raw();
      break;
    case 'SourceNode':
      fields.sourceNode = reader.string(nameBytesMax);
      break;
    case 'SourcePort':
      fields.sourcePort = reader.uint(portMax);
      break;
    case 'State':
      fields.state = reader.uint(255);
      break;
    case 'Target':
      fields.target = reader.raw();
      break;
    case 'Vsn':
      fields.vsn = reader.raw();
      break;
    default:
      reader.skip();
  }
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new WireError('field-missing');
  return value;
}

function sourceOf(fields: Fields): { source: ProbeSource } | undefined {
  if (fields.sourceAddr.length === 0 || fields.sourcePort === 0) return undefined;
  const address = { host: formatIp(fields.sourceAddr), port: fields.sourcePort };
  return { source: { address, name: fields.sourceNode } };
}

/** One message of a packet that is not a wrapper; `bytes` starts with its type. */
export function decodePacketMessage(bytes: Uint8Array): PacketMessage {
  const reader = new MsgpackReader(bytes, 1);
  switch (bytes[0]) {
    case messageTypes.ping:
      return decodePing(reader);
    case messageTypes.indirectPing:
      return decodeIndirectPing(reader);
    case messageTypes.ack:
      return decodeAck(reader);
    case messageTypes.suspect:
      return { type: 'suspect', ...decodeAccusation(reader) } satisfies SuspectMessage;
    case messageTypes.alive:
      return decodeAlive(reader);
    case messageTypes.dead:
      return { type: 'dead', ...decodeAccusation(reader) } satisfies DeadMessage;
    case messageTypes.user:
      return { type: 'user', payload: reader.rest() };
    case messageTypes.nack:
      return {
        type: 'nack',
        sequence: present(readFields(reader).seqNo),
      } satisfies NackMessage;
    default:
      throw new WireError('unknown-message-type');
  }
}

/** A ping's body; over TCP the type byte has been read. */
export function decodePing(reader: MsgpackReader): PingMessage {
  const fields = readFields(reader);
  return {
    type: 'ping',
    sequence: present(fields.seqNo),
    node: fields.node ?? '',
    ...sourceOf(fields),
  };
}

function decodeIndirectPing(reader: MsgpackReader): IndirectPingMessage {
  const fields = readFields(reader);
  return {
    type: 'indirect-ping',
    sequence: present(fields.seqNo),
    target: { host: formatIp(present(fields.target)), port: fields.port },
    node: fields.node ?? '',
    nack: fields.nack,
    ...sourceOf(fields),
  };
}

/** An ack's body. */
export function decodeAck(reader: MsgpackReader): AckMessage {
  const fields = readFields(reader);
  return { type: 'ack', sequence: present(fields.seqNo), payload: fields.payload };
}

/** An error's body, which may come instead of a push/pull's answer. */
export function decodeError(reader: MsgpackReader): ErrorMessage {
  return { type: 'error', error: readFields(reader).error ?? '' };
}

function decodeAccusation(reader: MsgpackReader) {
  const fields = readFields(reader);
  return {
    incarnation: present(fields.incarnation),
    node: present(fields.node),
    from: fields.from ?? '',
  };
}

function decodeAlive(reader: MsgpackReader): AliveMessage {
  const fields = readFields(reader);
  return {
    type: 'alive',
    incarnation: present(fields.incarnation),
    node: present(fields.node),
    address: { host: formatIp(present(fields.addr)), port: fields.port },
    meta: fields.meta,
    versions: fields.vsn,
  };
}

/** One member in the list of a push/pull. */
export function decodePushPullNode(reader: MsgpackReader): PushPullNode {
  const fields = readFields(reader);
  const state = wireStates[fields.state ?? 0];
  if (state === undefined) throw new WireError('unknown-state');
  return {
    name: present(fields.name),
    address: { host: formatIp(present(fields.addr)), port: fields.port },
    meta: fields.meta,
    incarnation: fields.incarnation ?? 0,
    state,
    versions: fields.vsn,
  };
}

/** The numbers before a push/pull's members. */
export function decodePushPullHeader(reader: MsgpackReader): {
  nodes: number;
  userStateBytes: number;
  join: boolean;
} {
  const header = { nodes: 0, userStateBytes: 0, join: false };
  for (let left = reader.map(); left > 0; left--) {
    switch (reader.string(nameBytesMax)) {
      case 'Nodes':
        header.nodes = reader.uint();
        break;
      case 'UserStateLen':
        header.userStateBytes = reader.uint();
        break;
      case 'Join':
        header.join = reader.boolean();
        break;
      default:
        reader.skip();
    }
  }
  return header;
}

/** The length of a user message over TCP. */
export function decodeUserHeader(reader: MsgpackReader): number {
  let length = 0;
  for (let left = reader.map(); left > 0; left--) {
    if (reader.string(nameBytesMax) === 'UserMsgLen') length = reader.uint();
    else reader.skip();
  }
  return length;
}

/** What is inside a compressed message, still compressed. @throws WireError `unknown-compression` */
export function decodeCompressed(reader: MsgpackReader): Uint8Array {
  let algorithm = 0;
  let buffer: Uint8Array | undefined;
  for (let left = reader.map(); left > 0; left--) {
    const name = reader.string(nameBytesMax);
    if (name === 'Algo') algorithm = reader.uint();
    else if (name === 'Buf') buffer = reader.raw();
    else reader.skip();
  }
  if (algorithm !== 0) throw new WireError('unknown-compression');
  return present(buffer);
}
