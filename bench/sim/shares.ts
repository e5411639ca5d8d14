/** Where the time of a simulation goes, by what it is spent on, from V8's CPU profile of this process. */
import { type Profiler, Session } from 'node:inspector';

/** Parts of the program by where they lie in the tree; the first that fits counts. */
const parts: readonly (readonly [part: string, at: RegExp])[] = [
  ['engine and Raft', /^src\/(engine|raft)\//],
  ['member layer', /^src\/member\//],
  ['simulated disk', /^src\/sim\/(sim-(disk|file|inode|volume|stores)|disk-faults|paged-bytes)/],
  ['network', /^src\/sim\/(network|sim-stream|stream-pipe|sim-packets|host-sockets)/],
  ['history, linearizability', /^src\/sim\/checkers\/(history|linearizability)/],
  ['checkers', /^src\/sim\/(checkers\/|run\/taps)/],
  ['workload', /^src\/sim\/(house\/|run\/cluster)/],
  ['faults', /^src\/sim\/run\//],
  ['world: time, events', /^src\/sim\//],
];

/** What serves all parts alike counts for whoever called it. */
const shared = /^src\/base\//;

/** A share of the time. */
export interface Share {
  readonly part: string;
  /** 0 … 1 of the time that was spent at work. */
  readonly share: number;
}

/** Runs something, and tells where its time went; the largest share first. */
export async function sharesOf(work: () => Promise<unknown>): Promise<readonly Share[]> {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: 500 });
  session.post('Profiler.start');
  await work();
  const profile = await new Promise<Profiler.Profile>((resolve, reject) => {
    session.post('Profiler.stop', (error, stopped) => {
      if (error === null) resolve(stopped.profile);
      else reject(error);
    });
  });
  session.disconnect();
  return sharesIn(profile);
}

function sharesIn({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Share[] {
  const partOf = new Map<number, string>();
  // Nodes come after the nodes that called them.
  const callers = new Map<number, number>();
  for (const { id, children = [] } of nodes) for (const child of children) callers.set(child, id);
  for (const { id, callFrame } of nodes) {
    const caller = partOf.get(callers.get(id) ?? -1) ?? 'other';
    partOf.set(id, ownPart(callFrame) ?? caller);
  }
  const times = new Map<string, number>();
  let total = 0;
  for (const [at, id] of samples.entries()) {
    const part = partOf.get(id) ?? 'other';
    if (part === 'idle') continue;
    const tookUs = timeDeltas[at] ?? 0;
    total += tookUs;
    times.set(part, (times.get(part) ?? 0) + tookUs);
  }
  return [...times]
    .map(([part, tookUs]) => ({ part, share: tookUs / total }))
    .sort((a, b) => b.share - a.share);
}

/** The part that a function is of by its place; undefined if it is its caller's. */
function ownPart({ functionName, url }: { functionName: string; url: string }): string | undefined {
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (functionName === '(idle)') return 'idle';
  if (functionName === '(program)') return 'turns of the real event loop';
  const at = url.replace(/^.*\/dist\//, '');
  if (url === '' || url.startsWith('node:') || shared.test(at)) return undefined;
  return parts.find(([, place]) => place.test(at))?.[0] ?? 'other';
}
