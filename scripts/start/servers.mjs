/** Three members of an etcd server on this machine: started, watched, stopped together. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { builtPath, programs } from '../programs.mjs';
import { root } from '../set-up/root.mjs';
import { LocalMember } from './local-member.mjs';
import { choosePorts } from './ports.mjs';

const lookEveryMs = 250;

/**
 * Runs until Ctrl-C. What was written is found again by the next run in the same folder.
 * @param {{ folder?: string }} options
 */
export async function runServers({ folder = join(root, '.cache', 'server') }) {
  const data = resolve(folder);
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const ports = await choosePorts(data, 'server');
  const say = (/** @type {string} */ line) => console.log(line);
  const cluster = ports.map(({ raft }, i) => `m${i + 1}=http://127.0.0.1:${raft}`).join();
  const members = ports.map(({ raft, api }, i) => {
    const [name, peer, client] = [
      `m${i + 1}`,
      `http://127.0.0.1:${raft}`,
      `http://127.0.0.1:${api}`,
    ];
    const args = [
      ...[builtPath(programs.quorate), 'serve', '--name', name, '--data-dir', join(data, name)],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', cluster, '--initial-cluster-token', 'npm-start'],
    ];
    return new LocalMember({
      name: `member ${i + 1}`,
      args,
      logPath: join(data, `${i + 1}.log`),
      say,
      readyText: 'ready to serve client requests',
    });
  });
  const urls = ports.map(({ api }) => `http://127.0.0.1:${api}`);

  const stopped = new AbortController();
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      if (stopped.signal.aborted) return;
      say('stopping …');
      stopped.abort();
    });
  }
  for (const member of members) member.start();
  await watch({ members, urls, data, say, stopped: stopped.signal });
  await Promise.all(members.map((member) => member.stop()));
  say('all have ended');
}

/**
 * Says when all are ready, and whenever another one leads.
 * @param {{ members: LocalMember[], urls: string[], data: string, stopped: AbortSignal,
 *   say: (line: string) => void }} cluster
 */
async function watch({ members, urls, data, stopped, say }) {
  let ready = false;
  let led = '';
  while (!stopped.aborted && members.some(({ removed }) => !removed)) {
    const answers = await Promise.all(urls.map(statusOf));
    if (!ready && answers.every((answer) => answer !== undefined)) {
      ready = true;
      explain({ members, urls, data, say });
    }
    const leader = answers.findIndex((answer) => answer?.leads);
    const name = members[leader]?.name ?? '';
    if (ready && name !== '' && name !== led) {
      led = name;
      say(`${name} leads`);
    }
    await pause(lookEveryMs, undefined, { signal: stopped }).catch(() => {});
  }
}

/**
 * Whether a member leads; undefined where it does not answer, or knows no leader.
 * @param {string} url
 * @returns {Promise<{ leads: boolean } | undefined>}
 */
async function statusOf(url) {
  try {
    const signal = AbortSignal.timeout(1000);
    const answer = await fetch(`${url}/v3/maintenance/status`, { method: 'POST', signal });
    const { leader, header } = JSON.parse(await answer.text());
    return leader === undefined ? undefined : { leads: leader === header.member_id };
  } catch {
    return undefined;
  }
}

/**
 * @param {{ members: LocalMember[], urls: string[], data: string,
 *   say: (line: string) => void }} cluster
 */
function explain({ members, urls, data, say }) {
  const endpoints = urls.map((url) => url.replace('http://', '')).join();
  say(`\nThree members of a server for clients of etcd v3 are ready. Their data: ${data}`);
  for (const [i, { name, pid }] of members.entries())
    say(`  ${name}  ${urls[i]}  (process ${pid})`);
  say(`
With etcdctl:
  export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=${endpoints}
  etcdctl put hello world
  etcdctl get hello
  etcdctl member list -w table
With curl, keys and values in base64:
  curl ${urls[0]}/v3/kv/put -d '{"key":"aGVsbG8=","value":"d29ybGQ="}'
  curl ${urls[1]}/v3/kv/range -d '{"key":"aGVsbG8="}'
  curl ${urls[2]}/readyz?verbose
End one rudely; the others go on, and it is taken back:
  kill -9 ${members[0]?.pid}
Ctrl-C stops all; the next start finds the data again.
`);
}
