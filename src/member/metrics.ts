/**
 * A member's figures for Prometheus. They are read off the member when somebody asks, so that they
 * cost nothing between. docs/metrics.md lists them; names and labels are part of the interface.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { LogStatus } from '../engine/log/member-log.ts';
import type { PeerStatus } from '../engine/peers/peer-handler.ts';
import type { Status } from '../raft/status.ts';
import {
  boundsSeconds,
  type RequestKind,
  type RequestWatch,
  requestKinds,
} from './request-watch.ts';

/** One group, as it is on this member. */
export interface GroupFigures {
  readonly name: string;
  readonly status: Status;
  readonly pendingProposals: number;
  readonly leaderChanges: number;
  /** Its state differs from the others': it answers nothing. */
  readonly isQuarantined: boolean;
}

/** What is told about a member. */
export interface MemberFigures {
  readonly name: string;
  readonly id: number;
  readonly groups: readonly GroupFigures[];
  readonly peers: readonly (PeerStatus & { readonly name: string })[];
  readonly log: LogStatus;
  readonly requests: RequestWatch;
  readonly pendingRequests: number;
}

type Values<Label extends string> = Iterable<
  readonly [labels: Record<Label, string>, value: number]
>;

/**
 * A registry of prom-client's with all of a member's metrics in it, to be merged with an
 * application's own or asked for its text.
 */
export function memberRegistry(figures: () => MemberFigures): Registry {
  const registry = new Registry();
  const registers = [registry];

  function gauge<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    values: (figures: MemberFigures) => Values<Label>,
  ): void {
    new Gauge({
      name: `quorate_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const [labels, value] of values(figures())) this.set(labels, value);
      },
    });
  }

  function counter<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    values: (figures: MemberFigures) => Values<Label>,
  ): void {
    new Counter({
      name: `quorate_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const [labels, value] of values(figures())) this.inc(labels, value);
      },
    });
  }

  const ofGroups =
    (value: (group: GroupFigures) => number) =>
    ({ groups }: MemberFigures): Values<'group'> =>
      groups.map((group) => [{ group: group.name }, value(group)] as const);
  const ofPeers =
    (value: (peer: PeerStatus) => number) =>
    ({ peers }: MemberFigures): Values<'peer'> =>
      peers.map((peer) => [{ peer: peer.name }, value(peer)] as const);
  const single =
    (value: (figures: MemberFigures) => number) =>
    (all: MemberFigures): Values<never> => [[{}, value(all)] as const];

  gauge('member_info', 'Always 1; says who this is.', ['name', 'id'], ({ name, id }) => [
    [{ name, id: String(id) }, 1],
  ]);
  const group = ['group'] as const;
  gauge(
    'group_is_leader',
    'Whether this member leads the group.',
    group,
    ofGroups(({ status }) => (status.role === 'leader' ? 1 : 0)),
  );
  gauge(
    'group_has_leader',
    'Whether a leader is known.',
    group,
    ofGroups(({ status }) => (status.leader === 0 ? 0 : 1)),
  );
  gauge(
    'group_quarantined',
    'Whether the state on this member differs from the others, so that it answers nothing.',
    group,
    ofGroups(({ isQuarantined }) => (isQuarantined ? 1 : 0)),
  );
  gauge(
    'group_term',
    'The term.',
    group,
    ofGroups(({ status }) => status.term),
  );
  gauge(
    'group_first_index',
    'The first entry in the log.',
    group,
    ofGroups(({ status }) => status.firstIndex),
  );
  gauge(
    'group_last_index',
    'The last entry in the log.',
    group,
    ofGroups(({ status }) => status.lastIndex),
  );
  gauge(
    'group_commit_index',
    'The last entry known to be committed.',
    group,
    ofGroups(({ status }) => status.commit),
  );
  gauge(
    'group_applied_index',
    'The last entry applied.',
    group,
    ofGroups(({ status }) => status.applied),
  );
  gauge(
    'group_pending_proposals',
    'Proposals of this member on their way.',
    group,
    ofGroups(({ pendingProposals }) => pendingProposals),
  );
  counter(
    'group_leader_changes_total',
    'How often the known leader changed.',
    group,
    ofGroups(({ leaderChanges }) => leaderChanges),
  );
  gauge(
    'group_follower_lag_entries',
    'Entries that a member lacks; on the leader.',
    ['group', 'member'],
    ({ groups }) =>
      groups.flatMap(({ name, status }) =>
        status.progress
          .filter(({ member }) => member !== status.id)
          .map(
            ({ member, match }) =>
              [{ group: name, member: String(member) }, status.lastIndex - match] as const,
          ),
      ),
  );

  const peer = ['peer'] as const;
  gauge(
    'peer_connected',
    'Whether there is a link to the peer.',
    peer,
    ofPeers(({ connected }) => (connected ? 1 : 0)),
  );
  gauge(
    'peer_queue_bytes',
    'What waits to be sent to the peer.',
    peer,
    ofPeers(({ queueBytes }) => queueBytes),
  );
  counter(
    'peer_received_bytes_total',
    'Bytes received from the peer.',
    peer,
    ofPeers(({ bytesIn }) => bytesIn),
  );
  counter(
    'peer_sent_bytes_total',
    'Bytes sent to the peer.',
    peer,
    ofPeers(({ bytesOut }) => bytesOut),
  );

  counter(
    'log_batches_total',
    'Batches written and synced.',
    [],
    single(({ log }) => log.batches),
  );
  counter(
    'log_entries_total',
    'Entries written.',
    [],
    single(({ log }) => log.entries),
  );
  counter(
    'log_bytes_total',
    'Bytes of batches written.',
    [],
    single(({ log }) => log.bytes),
  );
  counter(
    'log_vote_writes_total',
    'Writes of the votes.',
    [],
    single(({ log }) => log.voteWrites),
  );
  gauge(
    'log_segments',
    'Segments in use.',
    [],
    single(({ log }) => log.segments),
  );
  gauge(
    'log_waiting_bytes',
    'What waits for the next batch.',
    [],
    single(({ log }) => log.waitingBytes),
  );
  gauge(
    'log_cache_bytes',
    'Entries held in memory.',
    [],
    single(({ log }) => log.cacheBytes),
  );

  gauge(
    'requests_pending',
    'Requests that wait for an answer.',
    [],
    single(({ pendingRequests }) => pendingRequests),
  );
  counter(
    'requests_total',
    'Requests that ended: answered, or by the code of what they failed with.',
    ['kind', 'outcome'],
    ({ requests }) =>
      requestKinds.flatMap((kind) => {
        const { answered, failed } = requests.figures[kind];
        const all = [['answered', answered] as const, ...failed];
        return all.map(([outcome, count]) => [{ kind, outcome }, count] as const);
      }),
  );
  counter(
    'requests_slow_total',
    'Requests that took longer than slowRequestMs.',
    [],
    single(({ requests }) => requests.slow),
  );
  new RequestSeconds(registry, () => figures().requests);
  return registry;
}

const secondsName = 'quorate_request_seconds';
const secondsHelp = 'How long requests took.';

/**
 * How long requests took. prom-client's histogram is told of each one; this one's buckets are filled
 * by whoever watches requests, and only read here.
 */
class RequestSeconds extends Histogram<'kind'> {
  readonly #requests: () => RequestWatch;

  constructor(registry: Registry, requests: () => RequestWatch) {
    super({
      name: secondsName,
      help: secondsHelp,
      labelNames: ['kind'],
      buckets: [...boundsSeconds],
      registers: [registry],
    });
    this.#requests = requests;
  }

  /** What prom-client asks of its histograms, for a text and for all else. */
  async getForPromString() {
    const values = requestKinds.flatMap((kind) => this.#valuesOf(kind));
    const metric = { name: secondsName, help: secondsHelp, type: 'histogram', aggregator: 'sum' };
    return { ...metric, values };
  }

  #valuesOf(kind: RequestKind) {
    const { buckets, secondsSum } = this.#requests().figures[kind];
    let count = 0;
    const within = [...buckets].map((more, at) => {
      count += more;
      const labels = { kind, le: boundsSeconds[at] ?? '+Inf' };
      return { metricName: `${secondsName}_bucket`, labels, value: count };
    });
    return [
      ...within,
      { metricName: `${secondsName}_sum`, labels: { kind }, value: secondsSum },
      { metricName: `${secondsName}_count`, labels: { kind }, value: count },
    ];
  }
}
