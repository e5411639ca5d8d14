/** Which ports a local cluster uses: those of its last run, else the usual ones, else free ones. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

/**
 * @typedef {{ raft: number, api: number }} MemberPorts
 */

/**
 * The usual ones of each program.
 * @type {Record<string, MemberPorts[]>}
 */
const usualPorts = {
  'kv-rest': [1, 2, 3].map((n) => ({ raft: 8080 + n, api: 9090 + n })),
  counters: [1, 2, 3].map((n) => ({ raft: 8180 + n, api: 9190 + n })),
  'raft-kv': [1, 2, 3].map((n) => ({ raft: 3330 + n, api: 4330 + n })),
  server: [2, 22, 32].map((n) => ({ raft: 1000 * n + 380, api: 1000 * n + 379 })),
};

/**
 * The ports of three members whose data is in `folder`. Members find each other where they were, so
 * the choice is kept with the data.
 * @param {string} folder
 * @param {string} program
 * @returns {Promise<MemberPorts[]>}
 */
export async function choosePorts(folder, program) {
  const usual = usualPorts[program] ?? [];
  const path = join(folder, 'ports.json');
  if (existsSync(path)) {
    /** @type {MemberPorts[]} */
    const known = JSON.parse(readFileSync(path, 'utf8'));
    const busy = await firstBusy(known);
    if (busy === undefined) return known;
    throw new Error(
      `The cluster in ${folder} uses port ${busy}, and something listens there already. If that ` +
        `is this cluster, it runs; else start another one: npm start -- ${program} --data DIR`,
    );
  }
  const chosen = (await firstBusy(usual)) === undefined ? usual : await freeOnes(usual.length);
  writeFileSync(path, `${JSON.stringify(chosen)}\n`);
  return chosen;
}

/** @param {MemberPorts[]} ports */
async function firstBusy(ports) {
  for (const port of ports.flatMap(({ raft, api }) => [raft, api])) {
    if ((await listen(port).catch(() => undefined)) === undefined) return port;
  }
  return undefined;
}

/**
 * @param {number} count
 * @returns {Promise<MemberPorts[]>}
 */
async function freeOnes(count) {
  const found = new Set();
  // The system does not give the same one twice so soon, but nothing promises it.
  while (found.size < 2 * count) found.add(await listen(0));
  const numbers = [...found];
  return Array.from({ length: count }, (_, i) => ({
    raft: numbers[2 * i],
    api: numbers[2 * i + 1],
  }));
}

/**
 * Listens for a moment; answers the port.
 * @param {number} port
 * @returns {Promise<number>}
 */
function listen(port) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? port) : port));
    });
  });
}
