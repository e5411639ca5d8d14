/** `npm start [-- NAME]`: sets up what is needed and plays one of the programs below. */
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { builtPath, programs } from './programs.mjs';
import { setUpOrExit } from './set-up.mjs';

await setUpOrExit();

const name = process.argv[2] ?? 'timeline';
const timelinePath = builtPath(programs.timeline);
if (name !== 'timeline') {
  console.error(`There is no program "${name}". There is: timeline.`);
  process.exitCode = 1;
} else if (!existsSync(timelinePath)) {
  console.log('The Raft core is still being built; its timeline will be played here.');
} else {
  const { playTimeline } = await import(pathToFileURL(timelinePath).href);
  playTimeline((/** @type {string} */ line) => console.log(line));
}
