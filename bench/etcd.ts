/**
 * Three of our servers and three of etcd's, in turn in one run, under the same clients: `h2load` with
 * gRPC bodies, which repeats one request, and clients of our own with many keys and many watchers. For
 * each row: a second, median and 99th percentile, and the processor time of all three servers for each
 * operation, which is the steadiest figure (reference: performance.md, "How to compare fairly"). Then
 * both with a million keys: memory, and how soon a member that is started again answers a read.
 *
 * `npm run bench -- etcd [--short] [--rounds N] [--seconds N] [--keys N] [--only TEXT] [--profile]`
 * where `--only` takes the rows whose name holds the text, `--keys 0` leaves the many keys out, and
 * `--profile` shows where our leader's time goes in each row whose aim is missed.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Trio } from './etcd/clusters.ts';
import { fill, measureLarge } from './etcd/large.ts';
import { clientLoad, endClients, h2load, type LoadFound, worker } from './etcd/load.ts';
import { manyKeys, paths } from './etcd/requests.ts';
import {
  filledKey,
  filledTxn,
  heading,
  lineOf,
  type Measured,
  middle,
  type Row,
  rows,
} from './etcd/rows.ts';
import { Connection } from './etcd/unary.ts';
import { profileLines, profileOf } from './member/profile.ts';

const short = process.argv.includes('--short');

function setting(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? otherwise : (process.argv[at + 1] ?? otherwise);
}

const rounds = Number(setting('rounds', short ? '1' : '3'));
const seconds = Number(setting('seconds', short ? '1' : '4'));
const keys = Number(setting('keys', short ? '20000' : '1000000'));
const only = setting('only', '');
const profiled = process.argv.includes('--profile');
const profiledFunctions = 20;
const warmUpMs = short ? 300 : 1000;

const folder = mkdtempSync(join(tmpdir(), 'quorate-bench-'));
const trios: Trio[] = [];

function cleanUp(): void {
  endClients();
  for (const trio of trios) trio.kill();
  rmSync(folder, { recursive: true, force: true });
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    cleanUp();
    process.exit(1);
  });
}

async function main(): Promise<void> {
  const server = fileURLToPath(new URL('../cli/main.js', import.meta.url));
  const ours = profiled
    ? ['--import', pathToFileURL(worker).href, server, 'serve']
    : [server, 'serve'];
  const env = { QUORATE_BENCH_PROFILE: join(folder, 'profile') };
  trios.push(await Trio.start('quorate', [process.execPath, ...ours], env));
  trios.push(await Trio.start('etcd', ['etcd']));
  for (const trio of trios) await prepare(trio);
  console.log(heading());
  let restarted = false;
  for (const row of rows.filter(({ what }) => what.includes(only))) {
    // After a burst of puts etcd's reads cost twice as much until it is started again.
    if (row.reads === true && !restarted) for (const trio of trios) await trio.restart();
    restarted ||= row.reads === true;
    await measureRow(row);
  }
  if (keys > 0) await measureLarge(trios, { count: keys, rounds });
}

/** The keys that are read, and every request once, for h2load would not say that it is refused. */
async function prepare(trio: Trio): Promise<void> {
  await fill(trio, 'k', manyKeys);
  await fill(trio, 'm', 1000);
  const connection = new Connection(await trio.leaderPort());
  await connection.call(paths.put, filledKey);
  await connection.call(paths.txn, filledTxn);
  for (const { load } of rows) {
    if (load.by === 'h2load') await connection.call(load.path, load.body);
  }
  connection.close();
}

async function measureRow(row: Row): Promise<void> {
  const results = new Map<Trio, Measured[]>(trios.map((trio) => [trio, []]));
  for (let round = 0; round < rounds; round++) {
    for (const trio of round % 2 === 0 ? trios : [...trios].reverse()) {
      results.get(trio)!.push(await measure(trio, row));
    }
  }
  const [ours, theirs] = trios.map((trio) => middle(results.get(trio)!));
  const { met, line } = lineOf(row, ours!, theirs!);
  console.log(line);
  if (!met && profiled) await showProfile(trios[0]!, row);
}

async function measure(trio: Trio, row: Row): Promise<Measured> {
  let before = 0;
  let cpuMicros = 0;
  const begun = (): void => {
    before = trio.cpuMicros();
  };
  const done = (): void => {
    cpuMicros = trio.cpuMicros() - before;
  };
  const found = await load(row, await trio.leaderPort(), { begun, done });
  const perSecond = found.count / found.seconds;
  return { ...found, perSecond, cpuMicros: cpuMicros / found.count };
}

async function load(
  { load, connections, streams }: Row,
  port: number,
  marks: { readonly begun: () => void; readonly done: () => void },
): Promise<LoadFound> {
  const asked = { port, connections, streams, warmUpMs, seconds };
  switch (load.by) {
    case 'h2load': {
      const { path, body } = load;
      const init = { port, path, body, connections, streams, folder };
      await h2load({ ...init, seconds: 1 });
      marks.begun();
      const found = await h2load({ ...init, seconds });
      marks.done();
      return found;
    }
    case 'many keys':
      return clientLoad('many-keys', { ...asked, kind: load.kind }, marks);
    case 'watchers':
      return clientLoad('watchers', { ...asked, watchers: load.watchers }, marks);
  }
}

/** Where the time of our leader goes under the load of a row. */
async function showProfile(trio: Trio, row: Row): Promise<void> {
  const leader = await trio.leader();
  let pid = 0;
  await load(row, trio.ports[leader]!, {
    begun: () => {
      pid = trio.signal(leader, 'SIGUSR2');
    },
    done: () => trio.signal(leader, 'SIGUSR2'),
  });
  const file = join(folder, `profile-${pid}`);
  for (let tries = 0; tries < 100; tries++) {
    await pause(100);
    try {
      const profile = profileOf(JSON.parse(readFileSync(file, 'utf8')), 0);
      console.log(profileLines(profile, profiledFunctions).join('\n'));
      rmSync(file);
      return;
    } catch {
      // Not written yet, or not wholly.
    }
  }
  console.log('no profile was written');
}

try {
  await main();
} finally {
  endClients();
  await Promise.all(trios.map((trio) => trio.stop()));
  rmSync(folder, { recursive: true, force: true });
}
