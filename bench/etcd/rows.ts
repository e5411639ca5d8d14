/** What is measured, and what is aimed at: level with etcd in every row, twice as good for a put. */
import type { LoadAsked, LoadFound } from './load.ts';
import { keyOf, paths, putOf, rangeOf, thousandKeys, txnOf } from './requests.ts';

/** One line of the table. */
export interface Row {
  readonly what: string;
  /** How many times less of the processor an operation shall take of all servers than of etcd's. */
  readonly aim: number;
  readonly connections: number;
  readonly streams: number;
  /** Both systems are started anew before the first row that only reads. */
  readonly reads?: boolean;
  readonly load:
    | { readonly by: 'h2load'; readonly path: string; readonly body: Buffer }
    | { readonly by: 'many keys'; readonly kind: LoadAsked['kind'] }
    | { readonly by: 'watchers'; readonly watchers: number };
}

const oneKey = keyOf('o', 0);
const put = { by: 'h2load', path: paths.put, body: putOf(oneKey) } as const;
const range = { by: 'h2load', path: paths.range, body: rangeOf(oneKey) } as const;
const local = { by: 'h2load', path: paths.range, body: rangeOf(oneKey, true) } as const;
const thousand = { by: 'h2load', path: paths.range, body: thousandKeys } as const;
const many = (kind: LoadAsked['kind']) => ({ by: 'many keys', kind }) as const;
const reads = true;

/**
 * Many clients come before one: V8 compiles what it sees run often, and a server that was just started
 * would show that and little else (docs/performance.md, The first minute).
 */
export const rows: readonly Row[] = [
  { what: 'put, 256 clients', aim: 2, connections: 16, streams: 16, load: put },
  { what: 'put, 64 clients', aim: 2, connections: 16, streams: 4, load: put },
  { what: 'put, 1 client', aim: 2, connections: 1, streams: 1, load: put },
  { what: 'put, 256 clients, many keys', aim: 2, connections: 16, streams: 16, load: many('put') },
  { what: 'put, 64 clients, many keys', aim: 2, connections: 16, streams: 4, load: many('put') },
  { what: 'put, 1 client, many keys', aim: 2, connections: 1, streams: 1, load: many('put') },
  { what: 'txn, 64 clients, many keys', aim: 1, connections: 16, streams: 4, load: many('txn') },
  {
    what: 'event, 1,000 watchers',
    aim: 1,
    connections: 10,
    streams: 10,
    load: { by: 'watchers', watchers: 1000 },
  },
  { what: 'range, linearizable, 256', aim: 1, reads, connections: 4, streams: 64, load: range },
  { what: 'range, linearizable, 1', aim: 1, reads, connections: 1, streams: 1, load: range },
  { what: 'range, serializable, 1', aim: 1, reads, connections: 1, streams: 1, load: local },
  { what: 'range, serializable, 256', aim: 1, reads, connections: 4, streams: 64, load: local },
  {
    what: 'range, linearizable, 64, many keys',
    aim: 1,
    reads,
    connections: 16,
    streams: 4,
    load: many('range'),
  },
  {
    what: 'range, serializable, 64, many keys',
    aim: 1,
    reads,
    connections: 16,
    streams: 4,
    load: many('serializable'),
  },
  { what: 'range of 1,000 keys, 16', aim: 1, reads, connections: 4, streams: 4, load: thousand },
];

/** The key that the rows of h2load put and read. */
export const filledKey = putOf(oneKey);
export const filledTxn = txnOf(oneKey);

/** What one load found, with the processor time of all servers for an operation. */
export interface Measured extends LoadFound {
  readonly perSecond: number;
  readonly cpuMicros: number;
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** The middle of several rounds, each figure by itself. */
export function middle(
  all: readonly Measured[],
): Pick<Measured, 'perSecond' | 'medianMs' | 'p99Ms' | 'cpuMicros'> {
  const of = (figure: 'perSecond' | 'medianMs' | 'p99Ms' | 'cpuMicros'): number =>
    median(all.map((each) => each[figure]));
  return {
    perSecond: of('perSecond'),
    medianMs: of('medianMs'),
    p99Ms: of('p99Ms'),
    cpuMicros: of('cpuMicros'),
  };
}

type Figures = ReturnType<typeof middle>;

const whatWidth = 36;

export function heading(): string {
  const side = (name: string): string => `${name.padStart(8)}/s   p50 ms  p99 ms CPU µs`;
  return `${''.padEnd(whatWidth)} ${side('quorate')}  ${side('etcd')}     rate      CPU  aim (CPU)`;
}

function sideOf({ perSecond, medianMs, p99Ms, cpuMicros }: Figures): string {
  const rate = Math.round(perSecond).toString().padStart(10);
  const cpu = cpuMicros.toFixed(cpuMicros < 100 ? 1 : 0).padStart(7);
  return `${rate} ${medianMs.toFixed(2).padStart(8)} ${p99Ms.toFixed(2).padStart(7)}${cpu}`;
}

/** Whether the aim was met, and the line that says so. */
export function lineOf(
  { what, aim }: Pick<Row, 'what' | 'aim'>,
  ours: Figures,
  theirs: Figures,
): { readonly met: boolean; readonly line: string } {
  const rate = ours.perSecond / theirs.perSecond;
  const cpu = theirs.cpuMicros / ours.cpuMicros;
  const met = cpu >= aim;
  const times = (value: number): string => `${value.toFixed(2)} ×`.padStart(8);
  const verdict = `${aim} ×${met ? '' : '  missed'}`;
  const line = `${what.padEnd(whatWidth)} ${sideOf(ours)}  ${sideOf(theirs)} ${times(rate)}${times(cpu)}  ${verdict}`;
  return { met, line };
}
