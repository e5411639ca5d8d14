/**
 * What clients ask over Serf's agent RPC, read from the wire.
 *
 * The wire is a row of msgpack maps without any framing: a header `{Command, Seq}` and, for most
 * commands, a body. Fields that are not known are passed over, and missing ones have Go's zero
 * values, so that older and newer clients are understood.
 */
import { type MsgpackReader, textOf } from '../../swim/wire/msgpack-reader.ts';
import { WireError } from '../../swim/wire/wire-error.ts';

/** The longest text or payload that is taken from a client, in bytes. */
const rawBytesMax = 64 * 1024;

/** The most items of one list or map in a request. */
const itemsMax = 4_096;

/** A request, by command. */
export type RpcRequest =
  | { readonly command: 'handshake'; readonly version: number }
  | { readonly command: 'auth'; readonly authKey: string }
  | {
      readonly command: 'event';
      readonly name: string;
      readonly payload: Uint8Array;
      readonly coalesce: boolean;
    }
  | { readonly command: 'force-leave'; readonly node: string; readonly prune: boolean }
  | { readonly command: 'join'; readonly existing: readonly string[]; readonly replay: boolean }
  | { readonly command: 'members' }
  | {
      readonly command: 'members-filtered';
      readonly tags: ReadonlyMap<string, string>;
      readonly status: string;
      readonly name: string;
    }
  | {
      readonly command: 'tags';
      readonly tags: ReadonlyMap<string, string>;
      readonly deleteTags: readonly string[];
    }
  | { readonly command: 'stream'; readonly type: string }
  | { readonly command: 'monitor'; readonly logLevel: string }
  | { readonly command: 'stop'; readonly stop: number }
  | {
      readonly command: 'query';
      readonly filterNodes: readonly string[];
      readonly filterTags: ReadonlyMap<string, string>;
      readonly requestAck: boolean;
      readonly relayFactor: number;
      readonly timeoutMs: number;
      readonly name: string;
      readonly payload: Uint8Array;
    }
  | { readonly command: 'respond'; readonly id: number; readonly payload: Uint8Array }
  | { readonly command: 'install-key' | 'use-key' | 'remove-key'; readonly key: string }
  | { readonly command: 'list-keys' }
  | { readonly command: 'stats' }
  | { readonly command: 'get-coordinate'; readonly node: string }
  | { readonly command: 'leave' };

/** A request with its number, or the name of a command that is not known. */
export type ReadRequest =
  | { readonly seq: number; readonly request: RpcRequest }
  | { readonly seq: number; readonly unknown: string };

/** Reads header and body. Throws `NeedMoreBytes` if not all is there, another `WireError` if wrong. */
export function readRequest(reader: MsgpackReader): ReadRequest {
  const header = readFields(reader, { Command: text, Seq: whole });
  const seq = header.Seq ?? 0;
  const command = header.Command ?? '';
  const read = Object.hasOwn(bodies, command) ? bodies[command as keyof typeof bodies] : undefined;
  return read === undefined ? { seq, unknown: command } : { seq, request: read(reader) };
}

const bodies = {
  handshake: (reader) => {
    const { Version = 0 } = readFields(reader, { Version: whole });
    return { command: 'handshake', version: Version };
  },
  auth: (reader) => {
    const { AuthKey = '' } = readFields(reader, { AuthKey: text });
    return { command: 'auth', authKey: AuthKey };
  },
  event: (reader) => {
    const body = readFields(reader, { Name: text, Payload: bytes, Coalesce: flag });
    const { Name = '', Payload = new Uint8Array(0), Coalesce = false } = body;
    return { command: 'event', name: Name, payload: Payload, coalesce: Coalesce };
  },
  'force-leave': (reader) => {
    const { Node = '', Prune = false } = readFields(reader, { Node: text, Prune: flag });
    return { command: 'force-leave', node: Node, prune: Prune };
  },
  join: (reader) => {
    const { Existing = [], Replay = false } = readFields(reader, { Existing: texts, Replay: flag });
    return { command: 'join', existing: Existing, replay: Replay };
  },
  members: () => ({ command: 'members' }),
  'members-filtered': (reader) => {
    const body = readFields(reader, { Tags: textMap, Status: text, Name: text });
    const { Tags = new Map(), Status = '', Name = '' } = body;
    return { command: 'members-filtered', tags: Tags, status: Status, name: Name };
  },
  tags: (reader) => {
    const body = readFields(reader, { Tags: textMap, DeleteTags: texts });
    return { command: 'tags', tags: body.Tags ?? new Map(), deleteTags: body.DeleteTags ?? [] };
  },
  stream: (reader) => {
    const { Type = '' } = readFields(reader, { Type: text });
    return { command: 'stream', type: Type };
  },
  monitor: (reader) => {
    const { LogLevel = '' } = readFields(reader, { LogLevel: text });
    return { command: 'monitor', logLevel: LogLevel };
  },
  stop: (reader) => {
    const { Stop = 0 } = readFields(reader, { Stop: whole });
    return { command: 'stop', stop: Stop };
  },
  query: (reader) => {
    const body = readFields(reader, {
      FilterNodes: texts,
      FilterTags: textMap,
      RequestAck: flag,
      RelayFactor: whole,
      Timeout: whole,
      Name: text,
      Payload: bytes,
    });
    return {
      command: 'query',
      filterNodes: body.FilterNodes ?? [],
      filterTags: body.FilterTags ?? new Map(),
      requestAck: body.RequestAck ?? false,
      relayFactor: body.RelayFactor ?? 0,
      // Go sends durations in nanoseconds.
      timeoutMs: (body.Timeout ?? 0) / 1_000_000,
      name: body.Name ?? '',
      payload: body.Payload ?? new Uint8Array(0),
    };
  },
  respond: (reader) => {
    const { ID = 0, Payload = new Uint8Array(0) } = readFields(reader, {
      ID: whole,
      Payload: bytes,
    });
    return { command: 'respond', id: ID, payload: Payload };
  },
  'install-key': (reader) => ({ command: 'install-key', key: readKey(reader) }),
  'use-key': (reader) => ({ command: 'use-key', key: readKey(reader) }),
  'remove-key': (reader) => ({ command: 'remove-key', key: readKey(reader) }),
  'list-keys': () => ({ command: 'list-keys' }),
  stats: () => ({ command: 'stats' }),
  'get-coordinate': (reader) => {
    const { Node = '' } = readFields(reader, { Node: text });
    return { command: 'get-coordinate', node: Node };
  },
  leave: () => ({ command: 'leave' }),
} satisfies Record<RpcRequest['command'], (reader: MsgpackReader) => RpcRequest>;

function readKey(reader: MsgpackReader): string {
  return readFields(reader, { Key: text }).Key ?? '';
}

type Readers = Readonly<Record<string, (reader: MsgpackReader) => unknown>>;

/** Reads a map: the fields asked for by their readers, all others passed over. */
function readFields<R extends Readers>(
  reader: MsgpackReader,
  readers: R,
): { [Name in keyof R]?: ReturnType<R[Name]> } {
  const fields: { [Name in keyof R]?: ReturnType<R[Name]> } = {};
  for (let left = counted(reader.map()); left > 0; left--) {
    const name = reader.string(128);
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (read === undefined) reader.skip();
    else fields[name as keyof R] = read(reader) as ReturnType<R[keyof R]>;
  }
  return fields;
}

function text(reader: MsgpackReader): string {
  return textOf(bytes(reader));
}

/** A copy: the buffer that is read from goes on to be used. */
function bytes(reader: MsgpackReader): Uint8Array {
  const raw = reader.raw();
  if (raw.length > rawBytesMax) throw new WireError('string-too-long');
  return raw.slice();
}

function whole(reader: MsgpackReader): number {
  return reader.uint();
}

function flag(reader: MsgpackReader): boolean {
  return reader.boolean();
}

function texts(reader: MsgpackReader): string[] {
  const list: string[] = [];
  for (let left = counted(reader.array()); left > 0; left--) list.push(text(reader));
  return list;
}

function textMap(reader: MsgpackReader): Map<string, string> {
  const map = new Map<string, string>();
  for (let left = counted(reader.map()); left > 0; left--) {
    const key = text(reader);
    map.set(key, text(reader));
  }
  return map;
}

function counted(count: number): number {
  if (count > itemsMax) throw new WireError('too-many-items');
  return count;
}
