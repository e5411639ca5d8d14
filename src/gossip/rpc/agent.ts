/**
 * What Serf's agent RPC needs of the agent that it commands.
 */
import type { Cancel } from '../../ports/callbacks.ts';
import type { KeyOperation, LogLevel, Member, QueryKey } from '../../swim/api.ts';
import type { Coordinate } from '../../swim/coordinate.ts';
import type { AgentEvent } from '../events.ts';
import type { KeysOutcome, Stats } from './reply.ts';
import type { RpcRequest } from './request.ts';

/** What the RPC needs of an agent. */
export interface RpcAgent {
  members(): readonly Member[];
  ownTags(): ReadonlyMap<string, string>;
  setTags(tags: ReadonlyMap<string, string>): void;
  event(name: string, payload: Uint8Array, coalesce: boolean): void;
  query(query: RpcQuery): AsyncIterable<RpcAnswer>;
  respond(query: QueryKey, payload: Uint8Array): void;
  /** How many were joined; throws if none was. */
  join(addresses: readonly string[], ignoreOldEvents: boolean): Promise<number>;
  forceLeave(name: string, prune: boolean): Promise<void>;
  leave(): Promise<void>;
  keys(operation: KeyOperation): Promise<KeysOutcome>;
  stats(): Stats;
  coordinate(name: string): Coordinate | undefined;
  /** Calls back for each event until cancelled. */
  listen(listener: (event: AgentEvent) => void): Cancel;
  /** Calls back for the last log lines and each later one of at least this level. */
  monitor(level: LogLevel, listener: (line: string) => void): Cancel;
}

/** A query that a client asks the cluster. */
export type RpcQuery = Omit<Extract<RpcRequest, { command: 'query' }>, 'command'> & {
  readonly signal: AbortSignal;
};

/** An answer to a query. */
export type RpcAnswer =
  | { readonly type: 'ack'; readonly from: string }
  | { readonly type: 'response'; readonly from: string; readonly payload: Uint8Array };
