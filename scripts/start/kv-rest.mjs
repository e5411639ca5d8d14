/** Three members of systems/kv-rest on this machine: started, watched, stopped together. */
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { builtPath, programs } from '../programs.mjs';
import { root } from '../set-up/root.mjs';
import { LocalMember } from './local-member.mjs';
import { choosePorts } from './ports.mjs';

const lookEveryMs = 250;
/** A first member alone is a cluster at once; the others need not wait for it longer than this. */
const firstAloneMs = 5000;

/**
 * Runs until Ctrl-C. What was written is found again by the next run in the same folder.
 * @param {{ folder?: string }} options
 */
export async function runKvRest({ folder = join(root, '.cache', 'kv-rest') }) {
  const data = resolve(folder);
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const ports = await choosePorts(data, 'kv-rest');
  const say = (/** @type {string} */ line) => console.log(line);
  const first = `127.0.0.1:${ports[0]?.raft}`;
  const members = ports.map(({ raft, api }, i) => {
    const flags = ['-raft', `127.0.0.1:${raft}`, '-api', `127.0.0.1:${api}`, '-join', first];
    const args = [builtPath(programs.kvRest), ...flags, '-state_dir', join(data, `${i + 1}`)];
    return new LocalMember({
      name: `member ${i + 1}`,
      args,
      logPath: join(data, `${i + 1}.log`),
      say,
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
  const [founder, ...others] = members;
  founder?.start();
  // A cluster that was there before needs a majority; a new one needs its founder first.
  const alone = existsSync(join(data, '2')) ? 0 : firstAloneMs;
  const untilMs = performance.now() + alone;
  while (!founder?.serves && performance.now() < untilMs && !stopped.signal.aborted)
    await pause(50);
  for (const member of stopped.signal.aborted ? [] : others) member.start();
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
    const nodes = (await Promise.all(urls.map(nodesOf))).find((answer) => answer !== undefined);
    const voters = nodes?.filter(({ Role }) => Role === 'voter').length ?? 0;
    if (!ready && voters >= members.length && members.every(({ serves }) => serves)) {
      ready = true;
      explain({ members, urls, data, say });
    }
    const leader = nodes?.find(({ Leader }) => Leader)?.ID ?? '';
    if (ready && leader !== '' && leader !== led) {
      led = leader;
      say(`member ${leader} leads`);
    }
    await pause(lookEveryMs, undefined, { signal: stopped }).catch(() => {});
  }
}

/**
 * What a member knows of the members; undefined where it does not answer.
 * @param {string} url
 * @returns {Promise<{ ID: string, Role: string, Leader: boolean }[] | undefined>}
 */
async function nodesOf(url) {
  try {
    const answer = await fetch(`${url}/mgmt/nodes`, { signal: AbortSignal.timeout(1000) });
    return JSON.parse(await answer.text());
  } catch {
    return undefined;
  }
}

/**
 * @param {{ members: LocalMember[], urls: string[], data: string,
 *   say: (line: string) => void }} cluster
 */
function explain({ members, urls, data, say }) {
  say(`\nThree members of kv-rest are ready. Their data: ${data}`);
  for (const [i, { name, pid }] of members.entries())
    say(`  ${name}  ${urls[i]}  (process ${pid})`);
  say(`
Write to any, read from each:
  curl -X PUT -d '{"Key":"hello","Value":"medium"}' ${urls[0]}/`);
  for (const url of urls) say(`  curl ${url}/hello`);
  say(`Who there is, and who leads:
  curl ${urls[0]}/mgmt/nodes
End one rudely; the others go on, and it is taken back:
  kill -9 ${members[0]?.pid}
Ctrl-C stops all; the next start finds the data again. More: systems/kv-rest/README.md
`);
}
