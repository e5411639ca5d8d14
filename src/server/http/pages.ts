/**
 * What a server tells by plain HTTP: `/health`, `/livez`, `/readyz`, `/version`, `/metrics`, and
 * `/debug/vars` as far as Go's programs and this one have something in common there.
 *
 * Source: etcd 3.6, server/etcdserver/api/etcdhttp/health.go: names of checks, words of answers.
 */
import type { Kv } from '../../kv/api.ts';
import type { HttpExchange } from '../../ports/http.ts';
import { clusterVersion, etcdVersion } from '../services/context.ts';
import { answerText, answerWhenWhole } from './front.ts';

/** What the pages stand on. */
export interface PagesHost {
  readonly kv: Kv;
  /** The text of `/metrics`, and its type. */
  readonly metrics: () => Promise<{ readonly text: string; readonly type: string }>;
}

/** A check by its name; it says what is wrong, or nothing. */
type Check = readonly [name: string, run: (kv: Kv, query: URLSearchParams) => Promise<string>];

const dataCorruption: Check = [
  'data_corruption',
  async (kv) =>
    (await kv.health({ serializable: true })) === 'corrupt' ? 'alarm activated: CORRUPT' : '',
];
const read = (serializable: boolean) => async (kv: Kv) => {
  const found = await kv.health({ serializable, excludeAlarms: true });
  return found === 'healthy' ? '' : found;
};
const serializableRead: Check = ['serializable_read', read(true)];
const linearizableRead: Check = ['linearizable_read', read(false)];
const notLearner: Check = [
  'non_learner',
  async (kv) => (kv.figures.isLearner ? 'this member is a learner' : ''),
];

const livez: readonly Check[] = [serializableRead];
const readyz: readonly Check[] = [dataCorruption, serializableRead, linearizableRead, notLearner];

const healthReasons: Readonly<Record<Awaited<ReturnType<Kv['health']>>, string>> = {
  healthy: '',
  'no-leader': 'RAFT NO LEADER',
  'no-space': 'ALARM NOSPACE',
  corrupt: 'ALARM CORRUPT',
  'read-failed': 'RANGE ERROR',
  'auth-failed': 'AUTH ERROR',
};

/** Answers a page; false if there is none of that path. */
export function answerPage(
  exchange: HttpExchange,
  host: PagesHost,
  url: { readonly path: string; readonly query: URLSearchParams },
): boolean {
  const page = pageOf(url.path);
  if (page === undefined) return false;
  answerWhenWhole(exchange, () => {
    const { method } = exchange.request;
    if (method !== 'GET' && method !== 'HEAD') {
      answerText(exchange, 405, { text: 'Method Not Allowed\n', headers: { allow: 'GET' } });
      return;
    }
    show(exchange, page, host, url).catch((error: unknown) => {
      answerText(exchange, 500, { text: error instanceof Error ? error.message : String(error) });
    });
  });
  return true;
}

type Page = 'health' | 'livez' | 'readyz' | 'version' | 'metrics' | 'variables';

async function show(
  exchange: HttpExchange,
  page: Page,
  { kv, metrics }: PagesHost,
  { path, query }: { readonly path: string; readonly query: URLSearchParams },
): Promise<void> {
  switch (page) {
    case 'health':
      return answerHealth(exchange, kv, query);
    case 'version': {
      const version = { etcdserver: etcdVersion, etcdcluster: clusterVersion };
      return answerText(exchange, 200, { text: JSON.stringify(version), type: 'application/json' });
    }
    case 'metrics':
      return answerText(exchange, 200, await metrics());
    case 'variables':
      return answerText(exchange, 200, { text: raftVariables(kv), type: 'application/json' });
    case 'livez':
      return answerChecks(exchange, kv, { page, checks: livez, query, single: path });
    case 'readyz':
      return answerChecks(exchange, kv, { page, checks: readyz, query, single: path });
  }
}

function raftVariables({ memberId, figures }: Kv): string {
  const { isLeader, isLearner, proposalsCommitted: commit, proposalsApplied: applied } = figures;
  const raftState = isLeader ? 'StateLeader' : 'StateFollower';
  const status = { id: memberId.toString(16), raftState, isLearner, commit, applied };
  return JSON.stringify({ 'raft.status': status });
}

function pageOf(path: string): Page | undefined {
  if (path === '/livez' || path.startsWith('/livez/')) return 'livez';
  if (path === '/readyz' || path.startsWith('/readyz/')) return 'readyz';
  if (path === '/health') return 'health';
  if (path === '/version') return 'version';
  if (path === '/metrics') return 'metrics';
  if (path === '/debug/vars') return 'variables';
  return undefined;
}

async function answerHealth(exchange: HttpExchange, kv: Kv, query: URLSearchParams): Promise<void> {
  const found = await kv.health({
    serializable: query.get('serializable') === 'true',
    excludeAlarms: query.getAll('exclude').includes('NOSPACE'),
  });
  const health = { health: String(found === 'healthy'), reason: healthReasons[found] };
  const type = 'application/json';
  answerText(exchange, found === 'healthy' ? 200 : 503, { text: JSON.stringify(health), type });
}

async function answerChecks(
  exchange: HttpExchange,
  kv: Kv,
  asked: {
    readonly page: string;
    readonly checks: readonly Check[];
    readonly query: URLSearchParams;
    /** `/readyz/NAME` asks for one of them. */
    readonly single: string;
  },
): Promise<void> {
  const { page, checks, query, single } = asked;
  const [, , only] = single.split('/');
  const excluded = query.getAll('exclude');
  const chosen = checks.filter(([name]) =>
    only === undefined ? !excluded.includes(name) : name === only,
  );
  if (only !== undefined && chosen.length === 0) {
    return answerText(exchange, 404, { text: `there is no check "${only}"\n` });
  }
  const lines: string[] = [];
  let failed = false;
  for (const [name, run] of checks) {
    if (!chosen.some(([each]) => each === name)) {
      if (only === undefined) lines.push(`[+]${name} excluded: ok`);
      continue;
    }
    const problem = await run(kv, query).catch((error: unknown) => String(error));
    failed ||= problem !== '';
    lines.push(problem === '' ? `[+]${name} ok` : `[-]${name} failed: ${problem}`);
  }
  const verbose = failed || query.has('verbose');
  const last = failed ? `${page} check failed` : verbose ? `${page} check passed` : 'ok';
  const text = verbose ? `${lines.join('\n')}\n${last}\n` : `${last}\n`;
  answerText(exchange, failed ? 503 : 200, { text });
}
