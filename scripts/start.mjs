/** `npm start [-- NAME]`: sets up what is needed and plays one of the programs below. */
import { pathToFileURL } from 'node:url';
import { builtPath, programs } from './programs.mjs';
import { setUpOrExit } from './set-up.mjs';

/** What can be started, by name; the first is what `npm start` alone plays. */
const plays = new Map([
  ['timeline', playTimeline],
  ['one-value', () => import(pathToFileURL(builtPath(programs.oneValue)).href)],
]);

const [standard] = plays.keys();
const name = process.argv[2] ?? standard ?? '';
const play = plays.get(name);
if (play === undefined) {
  console.error(`There is no program "${name}". There is: ${[...plays.keys()].join(', ')}.`);
  process.exitCode = 1;
} else {
  await setUpOrExit();
  await play();
}

/** An election, a replication and a change of leader among three cores. */
async function playTimeline() {
  const timeline = await import(pathToFileURL(builtPath(programs.timeline)).href);
  timeline.playTimeline((/** @type {string} */ line) => console.log(line));
}
