/**
 * One client of Serf's agent RPC: the conversation with it, without the connection.
 *
 * A handshake comes first, then, where the agent has a key, `auth`; then any number of requests,
 * which are carried out at once and side by side, and streams, whose records bear the number of the
 * request that opened them. The texts of errors are those that clients of Serf know.
 */
import { QuorateError } from '../../base/errors.ts';
import type { Cancel } from '../../ports/callbacks.ts';
import type { LogLevel, QueryKey } from '../../swim/api.ts';
import { MsgpackReader } from '../../swim/wire/msgpack-reader.ts';
import { NeedMoreBytes, WireError } from '../../swim/wire/wire-error.ts';
import type { AgentEvent } from '../events.ts';
import type { RpcAgent } from './agent.ts';
import { eventFilter, filterMembers } from './filter.ts';
import { messageOf, operate } from './operation.ts';
import { encodeReply, type RpcBody } from './reply.ts';
import { type ReadRequest, type RpcRequest, readRequest } from './request.ts';

/** What a session needs. */
export interface SessionOptions {
  readonly agent: RpcAgent;
  /** Whether a key is right; undefined if none is needed. */
  readonly checkAuthKey: ((key: string) => boolean) | undefined;
  readonly send: (bytes: Uint8Array) => void;
  /** Flush, then close the connection. */
  readonly close: () => void;
}

/** The largest request, header included, in bytes. */
const requestBytesMax = 1024 * 1024;

/** Streams and queries that one client may have open. */
const streamsMax = 64;

/** Queries of others that one client may still answer. */
const pendingQueriesMax = 1_024;

/** A client's part of the agent. */
export class RpcSession {
  readonly #options: SessionOptions;
  readonly #agent: RpcAgent;
  #buffer = new Uint8Array(0);
  #bytesNeeded = 1;
  #shaken = false;
  #authorized: boolean;
  #closed = false;
  /** What ends each stream and query, by the number of the request that opened it. */
  readonly #streams = new Map<number, Cancel>();
  #monitoring: number | undefined;
  readonly #pendingQueries = new Map<number, QueryKey>();
  #lastQueryId = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#agent = options.agent;
    this.#authorized = options.checkAuthKey === undefined;
  }

  /** Takes in bytes of the client. */
  receive(bytes: Uint8Array): void {
    if (this.#closed) return;
    const buffer = new Uint8Array(this.#buffer.length + bytes.length);
    buffer.set(this.#buffer);
    buffer.set(bytes, this.#buffer.length);
    let offset = 0;
    try {
      while (!this.#closed && buffer.length - offset >= this.#bytesNeeded) {
        const reader = new MsgpackReader(buffer, offset);
        const request = readRequest(reader);
        offset = reader.offset;
        this.#bytesNeeded = 1;
        this.#serve(request);
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      if (!(error instanceof NeedMoreBytes)) {
        this.#hangUp();
        return;
      }
      this.#bytesNeeded = error.bytesNeeded - offset;
      if (this.#bytesNeeded > requestBytesMax) {
        this.#hangUp();
        return;
      }
    }
    this.#buffer = buffer.slice(offset);
  }

  /** The connection is gone: ends all streams. */
  closed(): void {
    this.#closed = true;
    this.#buffer = new Uint8Array(0);
    for (const cancel of [...this.#streams.values()]) cancel();
    this.#streams.clear();
  }

  #hangUp(): void {
    if (this.#closed) return;
    this.closed();
    this.#options.close();
  }

  #reply(seq: number, error = '', body?: RpcBody): void {
    if (!this.#closed) this.#options.send(encodeReply(seq, error, body));
  }

  #serve(read: ReadRequest): void {
    const { seq } = read;
    const command = 'request' in read ? read.request.command : read.unknown;
    if (!this.#shaken && command !== 'handshake') {
      this.#reply(seq, 'Handshake required');
      this.#hangUp();
      return;
    }
    if (!this.#authorized && command !== 'handshake' && command !== 'auth') {
      this.#reply(seq, 'Authentication required');
      return;
    }
    if ('unknown' in read) {
      this.#reply(seq, 'Unsupported command');
      // Whether a body follows is not known, so the rest of the stream has no meaning.
      this.#hangUp();
      return;
    }
    this.#carryOut(seq, read.request);
  }

  #carryOut(seq: number, request: RpcRequest): void {
    switch (request.command) {
      case 'handshake':
        this.#handshake(seq, request.version);
        return;
      case 'auth':
        if (this.#options.checkAuthKey?.(request.authKey) === false) {
          this.#reply(seq, 'Invalid authentication token');
          return;
        }
        this.#authorized = true;
        this.#reply(seq);
        return;
      case 'event':
        this.#try(seq, () => {
          this.#agent.event(request.name, request.payload, request.coalesce);
        });
        return;
      case 'tags':
        this.#try(seq, () => this.#changeTags(request.tags, request.deleteTags));
        return;
      case 'respond':
        this.#try(seq, () => {
          const query = this.#pendingQueries.get(request.id);
          if (query === undefined) {
            throw new QuorateError('gossip-unknown', 'No pending queries matching ID');
          }
          this.#agent.respond(query, request.payload);
          this.#pendingQueries.delete(request.id);
        });
        return;
      case 'members':
        this.#reply(seq, '', { type: 'members', members: this.#agent.members() });
        return;
      case 'members-filtered':
        this.#membersFiltered(seq, request);
        return;
      case 'stats':
        this.#reply(seq, '', { type: 'stats', stats: this.#agent.stats() });
        return;
      case 'get-coordinate': {
        const coordinate = this.#agent.coordinate(request.node);
        this.#reply(seq, '', { type: 'coordinate', coordinate });
        return;
      }
      case 'stream':
        this.#stream(seq, request.type);
        return;
      case 'monitor':
        this.#monitor(seq, request.logLevel);
        return;
      case 'stop':
        this.#streams.get(request.stop)?.();
        this.#reply(seq);
        return;
      case 'query':
        void this.#query(seq, request);
        return;
      default:
        void operate(this.#agent, request).then(({ error, body }) => {
          this.#reply(seq, error, body);
        });
    }
  }

  #handshake(seq: number, version: number): void {
    if (version !== 1) {
      this.#reply(seq, 'Unsupported IPC version');
      return;
    }
    if (this.#shaken) {
      this.#reply(seq, 'Handshake already performed');
      return;
    }
    this.#shaken = true;
    this.#reply(seq);
  }

  /** Carries out what is over at once. */
  #try(seq: number, action: () => void): void {
    try {
      action();
      this.#reply(seq);
    } catch (error) {
      this.#reply(seq, messageOf(error));
    }
  }

  #changeTags(set: ReadonlyMap<string, string>, remove: readonly string[]): void {
    const tags = new Map(this.#agent.ownTags());
    for (const name of remove) tags.delete(name);
    for (const [name, tag] of set) tags.set(name, tag);
    this.#agent.setTags(tags);
  }

  #membersFiltered(
    seq: number,
    filter: Extract<RpcRequest, { command: 'members-filtered' }>,
  ): void {
    try {
      const members = filterMembers(this.#agent.members(), filter);
      this.#reply(seq, '', { type: 'members', members });
    } catch (error) {
      // Clients expect a body whether there is an error or not.
      this.#reply(seq, messageOf(error), { type: 'members', members: [] });
    }
  }

  #stream(seq: number, kinds: string): void {
    const passes = eventFilter(kinds);
    if (passes === undefined) {
      this.#reply(seq, 'Invalid event filter');
      return;
    }
    if (!this.#mayOpen(seq)) return;
    this.#reply(seq);
    const cancel = this.#agent.listen((event) => {
      if (passes(event)) this.#reply(seq, '', this.#record(event));
    });
    this.#streams.set(seq, () => {
      cancel();
      this.#streams.delete(seq);
    });
  }

  #record(event: AgentEvent): RpcBody {
    if (event.type === 'member') {
      return { type: 'member-event', change: event.change, members: [event.member] };
    }
    if (event.type === 'user-event') return event;
    const id = ++this.#lastQueryId;
    this.#pendingQueries.set(id, event.key);
    if (this.#pendingQueries.size > pendingQueriesMax) {
      // The oldest is the likeliest to be past its deadline.
      const oldest = this.#pendingQueries.keys().next().value;
      if (oldest !== undefined) this.#pendingQueries.delete(oldest);
    }
    const { name, payload, key } = event;
    return { type: 'query-event', id, lamportTime: key.lamportTime, name, payload };
  }

  #monitor(seq: number, level: string): void {
    const chosen = logLevels[level.toUpperCase()];
    if (chosen === undefined) {
      this.#reply(seq, `Unknown log level: ${level}`);
      return;
    }
    if (this.#monitoring !== undefined) {
      this.#reply(seq, 'Monitor already exists');
      return;
    }
    if (!this.#mayOpen(seq)) return;
    this.#reply(seq);
    this.#monitoring = seq;
    const cancel = this.#agent.monitor(chosen, (line) => {
      this.#reply(seq, '', { type: 'log', line });
    });
    this.#streams.set(seq, () => {
      cancel();
      this.#streams.delete(seq);
      this.#monitoring = undefined;
    });
  }

  #mayOpen(seq: number): boolean {
    if (this.#streams.has(seq)) {
      this.#reply(seq, 'Stream with given sequence exists');
      return false;
    }
    if (this.#streams.size >= streamsMax) {
      this.#reply(seq, `More than ${streamsMax} streams`);
      return false;
    }
    return true;
  }

  async #query(seq: number, request: Extract<RpcRequest, { command: 'query' }>): Promise<void> {
    if (!this.#mayOpen(seq)) return;
    const controller = new AbortController();
    let begun = false;
    try {
      const answers = this.#agent.query({ ...request, signal: controller.signal });
      this.#streams.set(seq, () => {
        controller.abort();
        this.#streams.delete(seq);
      });
      begun = true;
      this.#reply(seq);
      for await (const answer of answers) {
        const { from } = answer;
        if (answer.type === 'ack') this.#reply(seq, '', { type: 'query-ack', from });
        else this.#reply(seq, '', { type: 'query-response', from, payload: answer.payload });
      }
    } catch (error) {
      if (!begun) {
        this.#reply(seq, messageOf(error));
        return;
      }
    }
    this.#streams.delete(seq);
    this.#reply(seq, '', { type: 'query-done' });
  }
}

const logLevels: Readonly<Record<string, LogLevel | undefined>> = {
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERR: 'error',
  ERROR: 'error',
};
