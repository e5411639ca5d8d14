/**
 * A whole cluster: three processes on the loopback interface, commands proposed in process on the
 * leader, a machine in memory, every acknowledged write synced by a majority. Beside it, taking
 * turns in the same run, hashicorp/raft with BoltDB does the same where Go and Debian's packages
 * are there. The table shows what is aimed at.
 *
 * `npm run bench -- member [--seconds N] [--rounds N] [--entries N] [--writes N] [--directory PATH]
 * [--profile PATH]` where `--entries` is how many entries a restarted member recovers, 0 leaves that
 * out; `--writes` is over how many writes memory shall be flat (10,000,000 takes some minutes), 0
 * leaves that out; and `--profile` names a folder for CPU profiles of our members, one a process.
 * Where an aim is missed, a profile of a short run of its own shows where the time goes.
 */
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { medianDurableWriteMs } from './member/durable-write.ts';
import { buildHashicorp } from './member/hashicorp.ts';
import { profileLines, readProfiles } from './member/profile.ts';
import { type Row, ratio, table } from './member/table.ts';
import { type Contender, type Measured, Trio, type Usage } from './member/trio.ts';

const COMMAND_BYTES = 256;
/** Small enough that a million of them do not make a member take a snapshot. */
const RECOVERED_COMMAND_BYTES = 24;
const ELECTION_TIMEOUT_MS = 1000;
const FAIL_OVERS = 3;
const WARMING_WRITES = 300_000;
/** How often memory is looked at while writing; the first of these is where the comparison begins. */
const MEMORY_SAMPLES = 8;
/** Memory is flat if it does not grow by more than this from the first sample to the last. */
const FLAT_TIMES = 1.15;
const PROFILED_FUNCTIONS = 15;

function setting(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? otherwise : (process.argv[at + 1] ?? otherwise);
}

const seconds = Number(setting('seconds', '3'));
const rounds = Number(setting('rounds', '3'));
const entries = Number(setting('entries', '1000000'));
const memoryWrites = Number(setting('writes', '2000000'));

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

const inFlights = [256, 64, 1] as const;
type InFlight = (typeof inFlights)[number];

/** What one contender did in all rounds. */
class Record {
  readonly writes = new Map<InFlight, Measured[]>(inFlights.map((inFlight) => [inFlight, []]));

  median(inFlight: InFlight, of: 'perSecond' | 'cpuUsEach' | 'medianMs'): number {
    return median(this.writes.get(inFlight)!.map((measured) => measured[of]));
  }
}

function write(inFlight: number, forSeconds = seconds) {
  const countMax = Number.MAX_SAFE_INTEGER;
  return { type: 'write', inFlight, bytes: COMMAND_BYTES, seconds: forSeconds, countMax } as const;
}

async function measureWrites(trio: Trio, record: Record, inFlight: InFlight): Promise<void> {
  const measured = await trio.load(await trio.leader(), write(inFlight));
  record.writes.get(inFlight)!.push(measured);
}

async function measureReads(trio: Trio): Promise<number> {
  const at = await trio.follower();
  return (await trio.load(at, { type: 'read', inFlight: 256, seconds })).perSecond;
}

/** How long a member takes to be ready with many entries since its last snapshot. */
async function measureRestart(contender: Contender, directory: string): Promise<number> {
  const trio = await Trio.start(contender, directory);
  try {
    const bytes = RECOVERED_COMMAND_BYTES;
    const ask = { type: 'write', inFlight: 4096, bytes, seconds: 600, countMax: entries } as const;
    await trio.load(await trio.leader(), ask);
    return await trio.restart(await trio.follower());
  } finally {
    await trio.kill();
  }
}

/** The memory of all three, looked at now and then while many writes go through. */
async function measureMemory(trio: Trio): Promise<readonly Usage[]> {
  const samples: Usage[] = [];
  const countMax = Math.ceil(memoryWrites / MEMORY_SAMPLES);
  for (let sample = 0; sample < MEMORY_SAMPLES; sample++) {
    await trio.load(await trio.leader(), { ...write(256, 3600), countMax });
    samples.push(await trio.usage());
  }
  return samples;
}

/** Prints where the time of the leader and of a follower goes. */
async function showProfile({ name, command }: Contender, directory: string): Promise<void> {
  const folder = join(directory, 'profiles');
  const [program, ...rest] = command as [string, ...string[]];
  const flags = ['--cpu-prof', `--cpu-prof-dir=${folder}`];
  const trio = await Trio.start({ name, command: [program, ...flags, ...rest] }, directory);
  try {
    for (const inFlight of [256, 64]) await trio.load(await trio.leader(), write(inFlight, 5));
    await trio.close();
  } finally {
    await trio.kill();
  }
  const [leader, follower] = readProfiles(folder);
  for (const [who, profile] of [['leader', leader!] as const, ['follower', follower!] as const]) {
    console.log(`\n${who}: ${profileLines(profile, PROFILED_FUNCTIONS).join('\n')}`);
  }
}

interface Run {
  readonly own: Record;
  readonly peer: Record | undefined;
  readonly readsPerSecond: number;
  readonly durableWriteMs: number;
  readonly failOverMs: number;
  readonly memory: readonly Usage[];
  readonly restartMs: number | undefined;
}

async function measure(own: Contender, peer: Contender | undefined, root: string): Promise<Run> {
  const trios: { trio: Trio; record: Record }[] = [];
  for (const contender of peer === undefined ? [own] : [own, peer]) {
    const trio = await Trio.start(contender, join(root, `trio-${trios.length}`));
    trios.push({ trio, record: new Record() });
  }
  try {
    const { trio: ownTrio, record: ownRecord } = trios[0]!;
    // What is compiled on the way shall not count: on a busy machine that takes its time.
    const warming = { ...write(256, 10), countMax: WARMING_WRITES };
    for (const { trio } of trios) await trio.load(await trio.leader(), warming);
    const reads: number[] = [];
    const durableWritesMs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const inFlight of inFlights) {
        for (const { trio, record } of trios) await measureWrites(trio, record, inFlight);
      }
      durableWritesMs.push(await medianDurableWriteMs(root));
      reads.push(await measureReads(ownTrio));
    }
    const memory = memoryWrites > 0 ? await measureMemory(ownTrio) : [];
    const failOversMs: number[] = [];
    for (let time = 0; time < FAIL_OVERS; time++) failOversMs.push(await ownTrio.failOver());
    for (const { trio } of trios) await trio.close();
    const restartMs = entries > 0 ? await measureRestart(own, join(root, 'restart')) : undefined;
    return {
      own: ownRecord,
      peer: trios[1]?.record,
      readsPerSecond: median(reads),
      durableWriteMs: median(durableWritesMs),
      failOverMs: median(failOversMs),
      memory,
      restartMs,
    };
  } finally {
    await Promise.all(trios.map(({ trio }) => trio.kill()));
  }
}

function rowsOf(run: Run): readonly Row[] {
  const { own, peer, durableWriteMs } = run;
  const rate = (inFlight: InFlight): Row => {
    const ours = own.median(inFlight, 'perSecond');
    const theirs = peer?.median(inFlight, 'perSecond');
    return {
      what: `${inFlight} in flight: writes a second`,
      ours,
      theirs,
      aim: '≥ 8 ×',
      met: theirs === undefined ? undefined : ours >= 8 * theirs,
      ratio: ratio(ours, theirs),
    };
  };
  const cpu = (inFlight: InFlight, aim: number): Row => {
    const ours = own.median(inFlight, 'cpuUsEach');
    const theirs = peer?.median(inFlight, 'cpuUsEach');
    const what = `${inFlight} in flight: CPU-µs a write, all three`;
    return { what, ours, theirs, aim: `≤ ${aim}`, met: ours <= aim, ratio: ratio(theirs, ours) };
  };
  const medianMs = own.median(1, 'medianMs');
  return [
    rate(256),
    cpu(256, 14),
    rate(64),
    cpu(64, 30),
    {
      what: '1 in flight: median, ms',
      ours: medianMs,
      theirs: peer?.median(1, 'medianMs'),
      aim: `≤ ${(2 * durableWriteMs).toFixed(2)}`,
      met: medianMs <= 2 * durableWriteMs,
      ratio: ratio(peer?.median(1, 'medianMs'), medianMs),
    },
    { what: 'one write + fsync: median, ms', ours: durableWriteMs },
    {
      what: 'linearizable reads a second, follower, 256',
      ours: run.readsPerSecond,
      aim: '≥ 100,000',
      met: run.readsPerSecond >= 100_000,
    },
    {
      what: 'SIGKILL of the leader to next write, ms',
      ours: run.failOverMs,
      aim: `< ${1.5 * ELECTION_TIMEOUT_MS}`,
      met: run.failOverMs < 1.5 * ELECTION_TIMEOUT_MS,
    },
    ...(run.restartMs === undefined
      ? []
      : [
          {
            what: `ready with ${entries.toLocaleString('en')} entries, ms`,
            ours: run.restartMs,
            aim: '< 3,000',
            met: run.restartMs < 3000,
          },
        ]),
    ...memoryRows(run.memory),
  ];
}

function memoryRows(samples: readonly Usage[]): readonly Row[] {
  const [first] = samples;
  const last = samples.at(-1);
  if (first === undefined || last === undefined) return [];
  const writes = (share: number): string =>
    `memory of all three after ${Math.round(memoryWrites * share).toLocaleString('en')}, MiB`;
  return [
    { what: writes(1 / MEMORY_SAMPLES), ours: first.rssBytes / 2 ** 20 },
    {
      what: writes(1),
      ours: last.rssBytes / 2 ** 20,
      aim: `≤ ${FLAT_TIMES} × that`,
      met: last.rssBytes <= first.rssBytes * FLAT_TIMES,
    },
  ];
}

const root = fs.mkdtempSync(join(setting('directory', os.tmpdir()), 'quorate-bench-member-'));
try {
  // What the source was built into lies where this file does.
  const source = fileURLToPath(new URL('./member/worker.ts', import.meta.url));
  const worker = source.replace(/\.ts$/, '.js');
  const profile = setting('profile', '');
  const flags = profile === '' ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const own: Contender = { name: 'quorate', command: [process.execPath, ...flags, worker] };
  const peer = buildHashicorp(root);
  if (typeof peer === 'string') console.log(`hashicorp/raft: skipped: ${peer}`);
  console.log(`${COMMAND_BYTES}-byte commands, medians of ${rounds} rounds of ${seconds} s each`);
  const run = await measure(own, typeof peer === 'string' ? undefined : peer, root);
  const rows = rowsOf(run);
  for (const line of table(rows)) console.log(line);
  if (rows.some(({ met }) => met === false)) await showProfile(own, join(root, 'profiled'));
} finally {
  fs.rmSync(root, { recursive: true });
}
