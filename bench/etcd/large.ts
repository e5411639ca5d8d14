/** Both systems with many keys: what they hold in memory, and how soon they answer after a restart. */
import type { Trio } from './clusters.ts';
import { filling, keyOf, paths, rangeOf } from './requests.ts';
import { median } from './rows.ts';
import { Connection } from './unary.ts';

/** Transactions under way while a server is being filled. */
const fillersCount = 8;

export async function fill(trio: Trio, space: string, count: number): Promise<void> {
  const connection = new Connection(await trio.leaderPort());
  const bodies = filling(space, count)[Symbol.iterator]();
  const filler = async (): Promise<void> => {
    for (let next = bodies.next(); next.done !== true; next = bodies.next()) {
      await connection.call(paths.txn, next.value);
    }
  };
  try {
    await Promise.all(Array.from({ length: fillersCount }, filler));
  } finally {
    connection.close();
  }
}

/** Whether a server answers a linearizable read of the last key. */
async function readsLast(port: number, count: number): Promise<boolean> {
  const connection = new Connection(port);
  try {
    const answer = await connection.call(paths.range, rangeOf(keyOf('x', count - 1)));
    return answer.length > 256;
  } finally {
    connection.close();
  }
}

/** Fills both and prints what the issue asks of a million keys. */
export async function measureLarge(
  trios: readonly Trio[],
  { count, rounds }: { readonly count: number; readonly rounds: number },
): Promise<void> {
  const restarts = new Map<Trio, number[]>(trios.map((trio) => [trio, []]));
  for (const trio of trios) {
    const begunMs = performance.now();
    await fill(trio, 'x', count);
    const seconds = (performance.now() - begunMs) / 1000;
    console.log(`${trio.name}: ${count.toLocaleString('en')} keys in ${seconds.toFixed(1)} s`);
  }
  const memory = (trio: Trio): string =>
    trio
      .memoryMiB()
      .map(({ all, own }) => `${all} (${own})`)
      .join(', ');
  for (const trio of trios) console.log(`${trio.name}: MiB of each (its own): ${memory(trio)}`);
  for (let round = 0; round < rounds; round++) {
    for (const trio of round % 2 === 0 ? trios : [...trios].reverse()) {
      const follower = ((await trio.leader()) + 1) % 3;
      const ms = await trio.restartOne(follower, (port) => readsLast(port, count));
      restarts.get(trio)!.push(ms);
    }
  }
  const [ours, theirs] = trios.map((trio) => median(restarts.get(trio)!)) as [number, number];
  const verdict = ours <= theirs ? 'met' : 'missed';
  console.log(
    `restart until a read is answered: quorate ${ours.toFixed(0)} ms, etcd ${theirs.toFixed(0)} ms; aim: level, ${verdict}`,
  );
  for (const trio of trios) console.log(`${trio.name}: MiB afterwards: ${memory(trio)}`);
}
