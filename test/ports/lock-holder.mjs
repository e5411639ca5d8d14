// A process that locks the directory it is given, says how that went, and then waits to be killed.
// With a number as second argument it locks and releases that often instead, and appends a byte to
// the file `turns` inside each lock, checking that nobody else is inside.
import fs from 'node:fs';
import { runnerImport } from 'vite';

const [directory, turns] = process.argv.slice(2);
const source = new URL('../../src/platform/node-disk.ts', import.meta.url).pathname;
const { module } = await runnerImport(source, { configFile: false, logLevel: 'silent' });
const disk = new module.NodeDisk(directory);
const lock = () => new Promise((resolve) => disk.lock('', resolve));

if (turns === undefined) {
  const answer = await lock();
  console.log('release' in answer ? 'locked' : answer.code);
  setInterval(() => {}, 1_000);
} else {
  for (let turn = 0; turn < Number(turns); ) {
    const answer = await lock();
    if (!('release' in answer)) continue;
    fs.mkdirSync(`${directory}/inside`); // fails when another is inside
    fs.appendFileSync(`${directory}/turns`, '.');
    await new Promise((resolve) => setImmediate(resolve));
    fs.rmdirSync(`${directory}/inside`);
    turn++;
    // Every other time it dies with the lock, as a killed process does.
    if (turn < Number(turns)) await new Promise((resolve) => answer.release(resolve));
  }
  process.kill(process.pid, 'SIGKILL');
}
