/** Three members of a system on this machine: started, watched, stopped together. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { root } from '../set-up/root.mjs';
import { LocalMember } from './local-member.mjs';
import { choosePorts } from './ports.mjs';

const lookEveryMs = 250;

/**
 * @typedef {object} System
 * @property {string} name
 * @property {string} readyText what a member prints once it serves
 * @property {(place: Place) => string[]} args for Node
 * @property {(ports: import('./ports.mjs').MemberPorts[]) => string} explain what can be tried
 */

/**
 * @typedef {object} Place
 * @property {number} index
 * @property {string} data this member's own folder, which is there
 * @property {import('./ports.mjs').MemberPorts[]} ports of all members
 */

/**
 * Runs until Ctrl-C. What was written is found again by the next run in the same folder.
 * @param {System} system
 * @param {string} [folder]
 */
export async function runTrio(system, folder = join(root, '.cache', system.name)) {
  const data = resolve(folder);
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const ports = await choosePorts(data, system.name);
  const members = ports.map((_, index) => {
    const own = join(data, `${index + 1}`);
    mkdirSync(own, { recursive: true, mode: 0o700 });
    return new LocalMember({
      name: `member ${index + 1}`,
      args: system.args({ index, data: own, ports }),
      logPath: join(data, `${index + 1}.log`),
      say: console.log,
      readyText: system.readyText,
    });
  });
  const stopped = new AbortController();
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      if (stopped.signal.aborted) return;
      console.log('stopping …');
      stopped.abort();
    });
  }
  for (const member of members) member.start();
  let ready = false;
  while (!stopped.signal.aborted && members.some(({ removed }) => !removed)) {
    if (!ready && members.every(({ serves }) => serves)) {
      ready = true;
      console.log(`\nThree members of ${system.name} are ready. Their data: ${data}`);
      for (const { name, pid } of members) console.log(`  ${name}  (process ${pid})`);
      console.log(system.explain(ports));
      console.log(`End one rudely; the others go on, and it is taken back:
  kill -9 ${members[0]?.pid}
Ctrl-C stops all; the next start finds the data again. More: systems/${system.name}/README.md\n`);
    }
    await pause(lookEveryMs, undefined, { signal: stopped.signal }).catch(() => {});
  }
  await Promise.all(members.map((member) => member.stop()));
  console.log('all have ended');
}
