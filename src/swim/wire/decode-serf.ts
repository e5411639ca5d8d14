/**
 * Reads Serf's messages. As with memberlist's, fields may come in any order and unknown ones are
 * passed over; every count is bounded by the bytes that are there.
 */
import type { Coordinate } from '../coordinate.ts';
import { nameBytesMax } from './decode-messages.ts';
import { formatIp } from './ip.ts';
import { MsgpackReader } from './msgpack-reader.ts';
import {
  type ConflictResponse,
  coordinateVersion,
  type KeyResponse,
  type SerfMessage,
  type SerfState,
  serfTypes,
  tagsMagic,
  type WireFilter,
} from './serf-messages.ts';
import { WireError } from './wire-error.ts';

const uint32Max = 0xffff_ffff;
const expressionBytesMax = 1_024;
const messageBytesMax = 4_096;
const dimensionsMax = 64;
/** Entries of any list in a push/pull: more would only cost time. */
const entriesMax = 131_072;
const nanosecondsPerMs = 1_000_000;
const noBytes: Uint8Array = new Uint8Array(0);

/** Calls `read` for each field's name; fields that it leaves (returns false) are passed over. */
function eachField(reader: MsgpackReader, read: (name: string) => boolean): void {
  for (let left = reader.map(); left > 0; left--) {
    if (!read(reader.string(nameBytesMax))) reader.skip();
  }
}

/** A list's or map's length, unless it is beyond all reason. */
function bounded(length: number): number {
  if (length > entriesMax) throw new WireError('too-many-entries');
  return length;
}

/** A message of a packet. @throws WireError */
export function decodeSerfMessage(bytes: Uint8Array): SerfMessage {
  const reader = new MsgpackReader(bytes);
  const type = reader.byte();
  switch (type) {
    case serfTypes.leave:
    case serfTypes.join:
      return decodeIntent(reader, type);
    case serfTypes.userEvent:
      return decodeUserEvent(reader);
    case serfTypes.query:
      return decodeQuery(reader);
    case serfTypes.queryResponse:
      return decodeQueryResponse(reader);
    case serfTypes.relay:
      return decodeRelay(reader);
    case serfTypes.direct:
      return { type: 'direct', payload: reader.rest() };
    default:
      throw new WireError('unknown-serf-type');
  }
}

function decodeIntent(reader: MsgpackReader, type: number): SerfMessage {
  let [lamportTime, node, prune] = [0, '', false];
  eachField(reader, (name) => {
    if (name === 'LTime') lamportTime = reader.uint();
    else if (name === 'Node') node = reader.string(nameBytesMax);
    else if (name === 'Prune') prune = reader.boolean();
    else return false;
    return true;
  });
  if (node === '') throw new WireError('field-missing');
  return type === serfTypes.leave
    ? { type: 'leave', lamportTime, node, prune }
    : { type: 'join', lamportTime, node };
}

function decodeUserEvent(reader: MsgpackReader): SerfMessage {
  let [lamportTime, eventName, payload, coalesce] = [0, '', noBytes, false];
  eachField(reader, (name) => {
    if (name === 'LTime') lamportTime = reader.uint();
    else if (name === 'Name') eventName = reader.string(messageBytesMax);
    else if (name === 'Payload') payload = reader.raw();
    else if (name === 'CC') coalesce = reader.boolean();
    else return false;
    return true;
  });
  return { type: 'user-event', lamportTime, name: eventName, payload, coalesce };
}

function decodeQuery(reader: MsgpackReader): SerfMessage {
  let [lamportTime, id, flags, relayFactor, timeoutNs, port] = [0, 0, 0, 0, 0, 0];
  let [queryName, sourceNode, payload, ip] = ['', '', noBytes, noBytes];
  const filters: WireFilter[] = [];
  eachField(reader, (name) => {
    if (name === 'LTime') lamportTime = reader.uint();
    else if (name === 'ID') id = reader.uint(uint32Max);
    else if (name === 'Addr') ip = reader.raw();
    else if (name === 'Port') port = reader.uint(0xffff);
    else if (name === 'SourceNode') sourceNode = reader.string(nameBytesMax);
    else if (name === 'Flags') flags = reader.uint(uint32Max);
    else if (name === 'RelayFactor') relayFactor = reader.uint(255);
    else if (name === 'Timeout') timeoutNs = reader.uint();
    else if (name === 'Name') queryName = reader.string(messageBytesMax);
    else if (name === 'Payload') payload = reader.raw();
    else if (name === 'Filters') {
      for (let left = reader.array(); left > 0; left--) filters.push(decodeFilter(reader.raw()));
    } else return false;
    return true;
  });
  return {
    type: 'query',
    lamportTime,
    id,
    address: { host: formatIp(ip), port },
    sourceNode,
    filters,
    flags,
    relayFactor,
    timeoutMs: timeoutNs / nanosecondsPerMs,
    name: queryName,
    payload,
  };
}

/** One condition of a query. */
export function decodeFilter(bytes: Uint8Array): WireFilter {
  const reader = new MsgpackReader(bytes);
  const kind = reader.byte();
  if (kind === 0) {
    const names: string[] = [];
    for (let left = reader.array(); left > 0; left--) names.push(reader.string(nameBytesMax));
    return { kind: 'names', names };
  }
  if (kind !== 1) return { kind: 'unknown' };
  let [tag, expression] = ['', ''];
  eachField(reader, (name) => {
    if (name === 'Tag') tag = reader.string(nameBytesMax);
    else if (name === 'Expr') expression = reader.string(expressionBytesMax);
    else return false;
    return true;
  });
  return { kind: 'tag', tag, expression };
}

function decodeQueryResponse(reader: MsgpackReader): SerfMessage {
  let [lamportTime, id, flags, from, payload] = [0, 0, 0, '', noBytes];
  eachField(reader, (name) => {
    if (name === 'LTime') lamportTime = reader.uint();
    else if (name === 'ID') id = reader.uint(uint32Max);
    else if (name === 'From') from = reader.string(nameBytesMax);
    else if (name === 'Flags') flags = reader.uint(uint32Max);
    else if (name === 'Payload') payload = reader.raw();
    else return false;
    return true;
  });
  return { type: 'query-response', lamportTime, id, from, flags, payload };
}

function decodeRelay(reader: MsgpackReader): SerfMessage {
  let [ip, port, destination] = [noBytes, 0, ''];
  eachField(reader, (name) => {
    if (name === 'DestName') destination = reader.string(nameBytesMax);
    else if (name === 'DestAddr') {
      eachField(reader, (part) => {
        if (part === 'IP') ip = reader.raw();
        else if (part === 'Port') port = reader.uint(0xffff);
        else return false;
        return true;
      });
    } else return false;
    return true;
  });
  const address = { host: formatIp(ip), port };
  return { type: 'relay', address, name: destination, inner: reader.rest() };
}

/** Serf's part of a push/pull; `bytes` begins with its type. */
export function decodeSerfState(bytes: Uint8Array): SerfState {
  const reader = new MsgpackReader(bytes);
  if (reader.byte() !== serfTypes.pushPull) throw new WireError('unknown-serf-type');
  let [lamportTime, eventTime, queryTime] = [0, 0, 0];
  let shared: Uint8Array | undefined;
  const statusTimes = new Map<string, number>();
  const leftMembers: string[] = [];
  const events: SerfState['events'][number][] = [];
  eachField(reader, (name) => {
    if (name === 'LTime') lamportTime = reader.uint();
    else if (name === 'EventLTime') eventTime = reader.uint();
    else if (name === 'QueryLTime') queryTime = reader.uint();
    else if (name === 'QuorateShared') shared = reader.raw();
    else if (name === 'StatusLTimes') {
      for (let left = bounded(reader.map()); left > 0; left--) {
        statusTimes.set(reader.string(nameBytesMax), reader.uint());
      }
    } else if (name === 'LeftMembers') {
      for (let left = bounded(reader.array()); left > 0; left--) {
        leftMembers.push(reader.string(nameBytesMax));
      }
    } else if (name === 'Events') {
      for (let left = bounded(reader.array()); left > 0; left--) readEvents(reader, events);
    } else return false;
    return true;
  });
  return { lamportTime, statusTimes, leftMembers, eventTime, events, queryTime, shared };
}

/** The events of one Lamport time. */
function readEvents(reader: MsgpackReader, events: SerfState['events'][number][]): void {
  let lamportTime = 0;
  const ofThisTime: { name: string; payload: Uint8Array }[] = [];
  eachField(reader, (name) => {
    if (name === 'LTime') lamportTime = reader.uint();
    else if (name === 'Events') {
      for (let left = reader.array(); left > 0; left--) {
        const event = { name: '', payload: noBytes };
        eachField(reader, (part) => {
          if (part === 'Name') event.name = reader.string(messageBytesMax);
          else if (part === 'Payload') event.payload = reader.raw();
          else return false;
          return true;
        });
        ofThisTime.push(event);
      }
    } else return false;
    return true;
  });
  for (const event of ofThisTime) events.push({ lamportTime, ...event });
}

/** A member's tags from its meta data. Meta data of the oldest Serf is the tag `role`. */
export function decodeTags(meta: Uint8Array): ReadonlyMap<string, string> {
  const tags = new Map<string, string>();
  const reader = new MsgpackReader(meta);
  if (meta.length === 0) return tags;
  if (meta[0] !== tagsMagic) {
    tags.set('role', new TextDecoder().decode(meta));
    return tags;
  }
  reader.byte();
  for (let left = reader.map(); left > 0; left--) {
    tags.set(reader.string(nameBytesMax), reader.string(nameBytesMax));
  }
  return tags;
}

/** The coordinate in an ack's payload; `undefined` if it has none of ours. */
export function decodeCoordinate(payload: Uint8Array): Coordinate | undefined {
  const reader = new MsgpackReader(payload);
  if (payload.length === 0 || reader.byte() !== coordinateVersion) return undefined;
  let [adjustment, error, height] = [0, 0, 0];
  const vector: number[] = [];
  eachField(reader, (name) => {
    if (name === 'Adjustment') adjustment = reader.float();
    else if (name === 'Error') error = reader.float();
    else if (name === 'Height') height = reader.float();
    else if (name === 'Vec') {
      const dimensions = reader.array();
      if (dimensions > dimensionsMax) throw new WireError('too-many-dimensions');
      for (let left = dimensions; left > 0; left--) vector.push(reader.float());
    } else return false;
    return true;
  });
  return { vector, error, adjustment, height };
}

/** The key of a key query's payload; empty for a list. */
export function decodeKeyRequest(payload: Uint8Array): Uint8Array {
  const reader = new MsgpackReader(payload);
  if (reader.byte() !== serfTypes.keyRequest) throw new WireError('unknown-serf-type');
  let bytes = noBytes;
  eachField(reader, (name) => {
    if (name !== 'Key') return false;
    bytes = reader.raw();
    return true;
  });
  return bytes;
}

export function decodeKeyResponse(payload: Uint8Array): KeyResponse {
  const reader = new MsgpackReader(payload);
  if (reader.byte() !== serfTypes.keyResponse) throw new WireError('unknown-serf-type');
  let [result, message, primaryKey] = [false, '', ''];
  const keys: string[] = [];
  eachField(reader, (name) => {
    if (name === 'Result') result = reader.boolean();
    else if (name === 'Message') message = reader.string(messageBytesMax);
    else if (name === 'PrimaryKey') primaryKey = reader.string(nameBytesMax);
    else if (name === 'Keys') {
      for (let left = reader.array(); left > 0; left--) keys.push(reader.string(nameBytesMax));
    } else return false;
    return true;
  });
  return { result, message, keys, primaryKey };
}

export function decodeConflictResponse(payload: Uint8Array): ConflictResponse {
  const reader = new MsgpackReader(payload);
  if (reader.byte() !== serfTypes.conflictResponse) throw new WireError('unknown-serf-type');
  let [name, ip, port] = ['', noBytes, 0];
  eachField(reader, (part) => {
    if (part === 'Name') name = reader.string(nameBytesMax);
    else if (part === 'Addr') ip = reader.raw();
    else if (part === 'Port') port = reader.uint(0xffff);
    else return false;
    return true;
  });
  return { name, address: { host: formatIp(ip), port } };
}
