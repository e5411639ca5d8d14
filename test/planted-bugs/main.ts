/** `npm run sim -- --bugs`: plants each bug, hunts it, and prints the table. A word selects some. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { plantedBugs } from './catalogue.ts';
import type { Hunt } from './hunt.ts';
import type { PlantedBug } from './planted-bug.ts';

const script = fileURLToPath(new URL('./hunt.js', import.meta.url));

function hunt({ name }: PlantedBug): Promise<Hunt> {
  const child = spawn(process.execPath, [script, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(text) as Hunt);
      else reject(new Error(`the hunt for "${name}" has failed`));
    });
  });
}

const [word = ''] = process.argv.slice(2);
const bugs = plantedBugs.filter(({ name }) => name.includes(word));
const waiting = [...bugs];
let missed = 0;
console.log(`${'bug'.padEnd(52)} ${'caught by'.padEnd(20)} seed  needed  allowed`);
const worker = async (): Promise<void> => {
  for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
    const { seed, rule } = await hunt(bug);
    if (seed === undefined) missed++;
    const caught = (rule ?? 'NOT CAUGHT').padEnd(20);
    const needed = seed === undefined ? '-' : String(seed - (bug.firstSeed ?? 1) + 1);
    console.log(
      `${bug.name.padEnd(52)} ${caught} ${String(seed ?? '-').padStart(4)}  ${needed.padStart(6)}  ${String(bug.seedsMax).padStart(7)}`,
    );
  }
};
await Promise.all(Array.from({ length: availableParallelism() }, worker));
console.log(`${bugs.length - missed} passed, ${missed} failed`);
process.exitCode = missed === 0 && bugs.length > 0 ? 0 : 1;
