/** The conversation with a client of Serf's agent RPC, against an agent that only writes down. */
import { describe, expect, test } from 'vitest';
import type { Member } from '../../swim/api.ts';
import { MsgpackReader, textOf } from '../../swim/wire/msgpack-reader.ts';
import { MsgpackWriter } from '../../swim/wire/msgpack-writer.ts';
import type { AgentEvent } from '../events.ts';
import type { RpcAgent, RpcAnswer } from './agent.ts';
import { eventFilter, filterMembers } from './filter.ts';
import { RpcSession } from './session.ts';

type Field = string | number | boolean | Uint8Array | readonly string[] | Record<string, string>;

/** Encodes as Go's client does. */
function encode(...maps: readonly Record<string, Field>[]): Uint8Array {
  const writer = new MsgpackWriter();
  for (const map of maps) {
    writer.map(Object.keys(map).length);
    for (const [name, field] of Object.entries(map)) {
      writer.string(name);
      if (typeof field === 'string') writer.string(field);
      else if (typeof field === 'number') writer.uint(field);
      else if (typeof field === 'boolean') writer.boolean(field);
      else if (field instanceof Uint8Array) writer.raw(field);
      else if (Array.isArray(field)) {
        writer.array(field.length);
        for (const item of field) writer.string(item);
      } else {
        const pairs = Object.entries(field);
        writer.map(pairs.length);
        for (const [key, value] of pairs) writer.string(key).string(value);
      }
    }
  }
  return writer.finish();
}

/** Reads any value: raw bytes become text. */
function decode(reader: MsgpackReader): unknown {
  const at = reader.offset;
  const head = reader.byte();
  reader.offset = at;
  if ((head >= 0x80 && head <= 0x8f) || head === 0xde || head === 0xdf) {
    const map: Record<string, unknown> = {};
    for (let left = reader.map(); left > 0; left--) {
      const name = reader.string(1_000);
      map[name] = decode(reader);
    }
    return map;
  }
  if ((head >= 0x90 && head <= 0x9f) || head === 0xdc) {
    return Array.from({ length: reader.array() }, () => decode(reader));
  }
  if ((head >= 0xa0 && head <= 0xbf) || head === 0xda || head === 0xdb) return textOf(reader.raw());
  if (head === 0xc2 || head === 0xc3) return reader.boolean();
  if (head === 0xc0) {
    reader.skip();
    return null;
  }
  return head === 0xcb ? reader.float() : reader.uint();
}

const member = (name: string, status: Member['status'], role: string): Member => ({
  name,
  address: { host: '127.0.0.1', port: 7946 },
  tags: new Map([['role', role]]),
  status,
  versions: {
    protocolMin: 1,
    protocolMax: 5,
    protocolCurrent: 2,
    delegateMin: 2,
    delegateMax: 5,
    delegateCurrent: 5,
  },
  incarnation: 1,
});

class Client {
  readonly replies: unknown[] = [];
  readonly calls: unknown[] = [];
  readonly session: RpcSession;
  closed = false;
  #listener: (event: AgentEvent) => void = () => {};
  answers: RpcAnswer[] = [];
  tags: ReadonlyMap<string, string> = new Map([
    ['role', 'web'],
    ['old', '1'],
  ]);

  constructor(authKey?: string) {
    const note =
      (name: string) =>
      (...args: unknown[]): void => {
        this.calls.push([name, ...args]);
      };
    const agent: RpcAgent = {
      members: () => [member('a', 'alive', 'web'), member('b', 'failed', 'db')],
      ownTags: () => this.tags,
      setTags: (tags) => {
        this.tags = tags;
      },
      event: note('event'),
      query: async function* (this: Client): AsyncIterable<RpcAnswer> {
        yield* this.answers;
      }.bind(this),
      respond: note('respond'),
      join: async (addresses) => {
        if (addresses.includes('nowhere')) throw new Error('nobody could be joined');
        return addresses.length;
      },
      forceLeave: async (...args) => note('forceLeave')(...args),
      leave: async () => note('leave')(),
      keys: async () => ({
        type: 'keys',
        members: 3,
        responses: 2,
        errors: 0,
        messages: new Map([['b', 'slow']]),
        keys: new Map([['k', 2]]),
        primaryKeys: new Map(),
      }),
      stats: () => ({ agent: { name: 'a' } }),
      coordinate: (name) =>
        name === 'a' ? { vector: [1, 2], error: 1.5, adjustment: 0, height: 0.5 } : undefined,
      listen: (listener) => {
        this.#listener = listener;
        return () => {
          this.#listener = () => {};
        };
      },
      monitor: (_level, listener) => {
        listener('a line');
        return () => {};
      },
    };
    this.session = new RpcSession({
      agent,
      checkAuthKey: authKey === undefined ? undefined : (key) => key === authKey,
      send: (bytes) => {
        const reader = new MsgpackReader(bytes);
        while (reader.bytesLeft > 0) this.replies.push(decode(reader));
      },
      close: () => {
        this.closed = true;
      },
    });
  }

  tell(event: AgentEvent): void {
    this.#listener(event);
  }

  /** Sends a request in pieces of one byte, and returns what has been answered since. */
  async ask(command: string, seq: number, body?: Record<string, Field>): Promise<unknown[]> {
    const bytes = encode({ Command: command, Seq: seq }, ...(body === undefined ? [] : [body]));
    for (const byte of bytes) this.session.receive(Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
    return this.replies.splice(0);
  }

  async shake(): Promise<this> {
    expect(await this.ask('handshake', 1, { Version: 1 })).toEqual([{ Error: '', Seq: 1 }]);
    return this;
  }
}

const fine = (seq: number) => ({ Error: '', Seq: seq });

describe('before anything else', () => {
  test('comes a handshake, once, in version 1', async () => {
    const hasty = new Client();
    expect(await hasty.ask('members', 1)).toEqual([{ Error: 'Handshake required', Seq: 1 }]);
    expect(hasty.closed).toBe(true);
    const client = new Client();
    expect(await client.ask('handshake', 1, { Version: 2 })).toEqual([
      { Error: 'Unsupported IPC version', Seq: 1 },
    ]);
    await client.shake();
    expect(await client.ask('handshake', 2, { Version: 1 })).toEqual([
      { Error: 'Handshake already performed', Seq: 2 },
    ]);
  });

  test('comes the key, where the agent has one', async () => {
    const client = await new Client('secret').shake();
    expect(await client.ask('members', 2)).toEqual([{ Error: 'Authentication required', Seq: 2 }]);
    expect(await client.ask('auth', 3, { AuthKey: 'guess' })).toEqual([
      { Error: 'Invalid authentication token', Seq: 3 },
    ]);
    expect(await client.ask('leave', 4)).toEqual([{ Error: 'Authentication required', Seq: 4 }]);
    expect(await client.ask('auth', 5, { AuthKey: 'secret' })).toEqual([fine(5)]);
    expect((await client.ask('stats', 6))[0]).toEqual(fine(6));
    expect(client.calls).toEqual([]);
  });
});

describe('requests', () => {
  test('events, tags, join, keys, coordinates, leave', async () => {
    const client = await new Client().shake();
    const payload = Uint8Array.of(1, 2);
    expect(
      await client.ask('event', 2, { Name: 'e', Payload: payload, Coalesce: true, New: 'x' }),
    ).toEqual([fine(2)]);
    expect(await client.ask('tags', 3, { Tags: { role: 'db' }, DeleteTags: ['old'] })).toEqual([
      fine(3),
    ]);
    expect([...client.tags]).toEqual([['role', 'db']]);
    expect(await client.ask('join', 4, { Existing: ['x', 'y'], Replay: false })).toEqual([
      fine(4),
      { Num: 2 },
    ]);
    expect(await client.ask('join', 5, { Existing: ['nowhere'] })).toEqual([
      { Error: 'nobody could be joined', Seq: 5 },
      { Num: 0 },
    ]);
    expect(await client.ask('list-keys', 6)).toEqual([
      { Error: '2/3 nodes reported success', Seq: 6 },
      expect.objectContaining({ NumNodes: 3, NumResp: 2, Messages: { b: 'slow' }, Keys: { k: 2 } }),
    ]);
    expect(await client.ask('use-key', 7, { Key: 'short' })).toEqual([
      expect.objectContaining({ Error: expect.stringContaining('key') }),
      expect.objectContaining({ NumNodes: 0 }),
    ]);
    expect(await client.ask('get-coordinate', 8, { Node: 'a' })).toEqual([
      fine(8),
      { Coord: { Adjustment: 0, Error: 1.5, Height: 0.5, Vec: [1, 2] }, Ok: true },
    ]);
    expect(await client.ask('force-leave', 9, { Node: 'b', Prune: true })).toEqual([fine(9)]);
    expect(await client.ask('leave', 10)).toEqual([fine(10)]);
    expect(client.calls).toEqual([
      ['event', 'e', payload, true],
      ['forceLeave', 'b', true],
      ['leave'],
    ]);
  });

  test('members, filtered by whole expressions', async () => {
    const client = await new Client().shake();
    const reply = await client.ask('members-filtered', 2, { Status: 'a.*', Name: '', Tags: {} });
    expect(reply).toMatchObject([fine(2), { Members: [{ Name: 'a', Status: 'alive' }] }]);
    expect(await client.ask('members-filtered', 3, { Name: '(' })).toMatchObject([
      { Error: expect.stringContaining('not a regular expression') },
      { Members: [] },
    ]);
    const all = [member('aa', 'alive', 'web'), member('b', 'alive', '')];
    const none = { tags: new Map(), status: '', name: '' };
    expect(filterMembers(all, { ...none, name: 'a' })).toEqual([]);
    expect(filterMembers(all, { ...none, name: 'a|b' })).toHaveLength(1);
    expect(filterMembers(all, { ...none, tags: new Map([['role', 'w.b']]) })).toHaveLength(1);
  });

  test('what is not known ends the connection', async () => {
    const client = await new Client().shake();
    expect(await client.ask('constructor', 2)).toEqual([{ Error: 'Unsupported command', Seq: 2 }]);
    expect(client.closed).toBe(true);
    const browser = new Client();
    browser.session.receive(new TextEncoder().encode('POST / HTTP/1.1\r\n'));
    expect(browser.closed).toBe(true);
    const greedy = await new Client().shake();
    greedy.session.receive(Uint8Array.of(0x81, 0xdb, 0x7f, 0xff, 0xff, 0xff));
    expect(greedy.closed).toBe(true);
  });
});

describe('streams', () => {
  test('bear the number of their request, until stopped', async () => {
    const client = await new Client().shake();
    expect(await client.ask('stream', 2, { Type: 'member-join,user:deploy,query' })).toEqual([
      fine(2),
    ]);
    expect(await client.ask('stream', 2, { Type: '*' })).toEqual([
      { Error: 'Stream with given sequence exists', Seq: 2 },
    ]);
    expect(await client.ask('stream', 3, { Type: 'member-vanish' })).toEqual([
      { Error: 'Invalid event filter', Seq: 3 },
    ]);
    const payload = Uint8Array.of(65);
    const event = { type: 'user-event', payload, lamportTime: 9, coalesce: false } as const;
    client.tell({ ...event, name: 'deploy' });
    client.tell({ ...event, name: 'other' });
    client.tell({ type: 'member', change: 'join', member: member('c', 'alive', '') });
    client.tell({ type: 'member', change: 'failed', member: member('c', 'failed', '') });
    expect(client.replies.splice(0)).toMatchObject([
      fine(2),
      { Event: 'user', Name: 'deploy', Payload: 'A', LTime: 9 },
      fine(2),
      { Event: 'member-join', Members: [{ Name: 'c' }] },
    ]);
    const key = { lamportTime: 4, id: 77 };
    client.tell({ type: 'query', key, name: 'load', payload, from: 'b', timeLeftMs: 100 });
    expect(client.replies.splice(0)).toMatchObject([fine(2), { Event: 'query', ID: 1, LTime: 4 }]);
    expect(await client.ask('respond', 4, { ID: 1, Payload: payload })).toEqual([fine(4)]);
    expect(await client.ask('respond', 5, { ID: 1, Payload: payload })).toEqual([
      { Error: 'No pending queries matching ID', Seq: 5 },
    ]);
    expect(client.calls).toEqual([['respond', key, payload]]);
    expect(await client.ask('stop', 6, { Stop: 2 })).toEqual([fine(6)]);
    client.tell({ ...event, name: 'deploy' });
    expect(client.replies).toEqual([]);
  });

  test('a query ends with a record that says so', async () => {
    const client = await new Client().shake();
    client.answers = [
      { type: 'ack', from: 'b' },
      { type: 'response', from: 'b', payload: Uint8Array.of(66) },
    ];
    expect(await client.ask('query', 2, { Name: 'q', Payload: new Uint8Array(0) })).toEqual([
      fine(2),
      fine(2),
      { From: 'b', Payload: null, Type: 'ack' },
      fine(2),
      { From: 'b', Payload: 'B', Type: 'response' },
      fine(2),
      { From: '', Payload: null, Type: 'done' },
    ]);
  });

  test('one monitor a client', async () => {
    const client = await new Client().shake();
    expect(await client.ask('monitor', 2, { LogLevel: 'debug' })).toEqual([
      fine(2),
      fine(2),
      { Log: 'a line' },
    ]);
    expect(await client.ask('monitor', 3, { LogLevel: 'debug' })).toEqual([
      { Error: 'Monitor already exists', Seq: 3 },
    ]);
    expect(await client.ask('monitor', 4, { LogLevel: 'loud' })).toEqual([
      { Error: 'Unknown log level: loud', Seq: 4 },
    ]);
  });

  test('all kinds of events have a filter, and nothing else has', () => {
    const kinds = ['', '*', 'user', 'query', 'user:x', 'query:x', 'member-reap, member-update'];
    for (const kind of kinds) expect(eventFilter(kind)).toBeDefined();
    for (const kind of ['x', 'member-join:x', 'user,']) expect(eventFilter(kind)).toBeUndefined();
  });
});
