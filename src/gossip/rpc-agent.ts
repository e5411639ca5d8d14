/**
 * A running agent as Serf's agent RPC sees it.
 */
import type { Clock } from '../ports/clock.ts';
import type { Agent } from './agent.ts';
import type { LogTail } from './log-tail.ts';
import type { RpcAgent } from './rpc/agent.ts';
import type { Stats } from './rpc/reply.ts';

/** What the RPC tells of the process around the agent. */
export interface RpcAgentContext {
  readonly log: LogTail;
  readonly clock: Clock;
  readonly runtime: Readonly<Record<string, string>>;
}

/** Lets the RPC command `agent`. */
export function rpcAgent(agent: Agent, { log, clock, runtime }: RpcAgentContext): RpcAgent {
  return {
    members: () => [...agent.members],
    ownTags: () => agent.ownTags(),
    setTags: (tags) => agent.replaceTags(tags),
    event: (name, payload, coalesce) => agent.event(name, payload, { coalesce }),
    query: (query) => {
      const { filterNodes, filterTags, requestAck, relayFactor, timeoutMs, signal } = query;
      return agent.query(query.name, query.payload, {
        filter: {
          ...(filterNodes.length > 0 ? { names: filterNodes } : {}),
          ...(filterTags.size > 0 ? { tags: filterTags } : {}),
        },
        acknowledge: requestAck,
        relayFactor,
        ...(timeoutMs > 0 ? { timeoutMs } : {}),
        signal,
      });
    },
    respond: (query, payload) => agent.respond(query, payload),
    join: async (addresses, ignoreOldEvents) => {
      const { joined } = await agent.join(addresses, { ignoreOldEvents });
      return joined;
    },
    forceLeave: (name, prune) => agent.forceLeave(name, { prune }),
    leave: async () => {
      await agent.leaveCluster();
      // The client is told before the agent, and this connection with it, goes.
      clock.endOfTurn(() => void agent.leave());
    },
    keys: (operation) => agent.changeKeys(operation),
    stats: () => statsOf(agent, runtime),
    coordinate: (name) => agent.coordinate(name),
    listen: (listener) => agent.listen(listener),
    monitor: (level, listener) => log.follow(level, listener),
  };
}

function statsOf(agent: Agent, runtime: Readonly<Record<string, string>>): Stats {
  const statistics = agent.statistics();
  const { lamportTimes } = statistics;
  return {
    agent: { name: agent.name },
    runtime,
    serf: {
      coordinate_resets: '0',
      encrypted: String(statistics.encrypted),
      event_queue: String(statistics.eventQueue),
      event_time: String(lamportTimes.event),
      failed: String(statistics.failed),
      health_score: String(statistics.healthScore),
      intent_queue: String(statistics.intentQueue),
      left: String(statistics.left),
      member_time: String(lamportTimes.member),
      members: String(statistics.members),
      query_queue: String(statistics.queryQueue),
      query_time: String(lamportTimes.query),
    },
    tags: Object.fromEntries(agent.ownTags()),
    event_handlers: {},
  };
}
