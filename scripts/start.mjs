/** `npm start [-- NAME]`: sets up what is needed and starts one of the programs below. */
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { builtPath, programs } from './programs.mjs';
import { setUpOrExit } from './set-up.mjs';
import { runKvRest } from './start/kv-rest.mjs';
import { runServers } from './start/servers.mjs';
import { counters, raftKv } from './start/systems.mjs';
import { runTrio } from './start/trio.mjs';

/**
 * What can be started, by name; the first is what `npm start` alone starts.
 * @type {Map<string, { does: string, start: (folder?: string) => Promise<void> }>}
 */
const starts = new Map([
  [
    'server',
    { does: 'three members of a server for all clients of etcd v3', start: orSay(runServers) },
  ],
  [
    'kv-rest',
    { does: 'three members of a key-value database behind HTTP', start: orSay(runKvRest) },
  ],
  [
    'one-value',
    {
      does: 'one member of a gossiped single-value database',
      start: () => import(pathToFileURL(builtPath(programs.oneValue)).href),
    },
  ],
  [
    'counters',
    {
      does: 'three members of a strongly consistent integer store',
      start: (folder) => runTrio(counters, folder),
    },
  ],
  [
    'raft-kv',
    {
      does: 'three members of a map that shows every step of Raft',
      start: (folder) => runTrio(raftKv, folder),
    },
  ],
  [
    'ha-worker',
    {
      does: 'one copy of an application with the store inside it',
      start: (folder) => {
        // The program reads its flags by itself; ours are not among them.
        process.argv.splice(2, Infinity, ...(folder === undefined ? [] : ['--data-dir', folder]));
        return import(pathToFileURL(builtPath(programs.haWorker)).href);
      },
    },
  ],
  ['timeline', { does: 'plays an election and a replication of three cores', start: playTimeline }],
]);

const list = [...starts].map(([name, { does }]) => `  ${name.padEnd(10)} ${does}`).join('\n');
const { data, name, help } = argumentsOrExit();
const chosen = starts.get(name);
if (help || chosen === undefined) {
  const text = `npm start [-- NAME [--data DIR]], where NAME is one of:\n${list}`;
  if (help) console.log(text);
  else console.error(`There is no program "${name}".\n${text}`);
  process.exitCode = help ? 0 : 1;
} else {
  await setUpOrExit();
  await chosen.start(data);
}

/**
 * What goes wrong is said in one line.
 * @param {(options: { folder?: string }) => Promise<void>} run
 * @returns {(folder?: string) => Promise<void>}
 */
function orSay(run) {
  return async (folder) => {
    try {
      await run(folder === undefined ? {} : { folder });
    } catch (error) {
      console.error(error instanceof Error ? error.message : error);
      process.exitCode = 1;
    }
  };
}

/** An election, a replication and a change of leader among three cores. */
async function playTimeline() {
  const timeline = await import(pathToFileURL(builtPath(programs.timeline)).href);
  timeline.playTimeline((/** @type {string} */ line) => console.log(line));
}

function argumentsOrExit() {
  const options = /** @type {const} */ ({ data: { type: 'string' }, help: { type: 'boolean' } });
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const [standard = ''] = starts.keys();
    return { data: values.data, help: values.help ?? false, name: positionals[0] ?? standard };
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return process.exit(1);
  }
}
