/** Where the time goes: the functions that took the most of it, from V8's CPU profiles. */
import fs from 'node:fs';
import { join } from 'node:path';

/** What of a `.cpuprofile` is needed. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** A process that starts compiles and loads: that is not what is looked for. */
const SKIPPED_MS = 3000;

/** One process's time. */
export interface Profile {
  readonly busyMs: number;
  /** By self time, the most first. */
  readonly functions: readonly { readonly name: string; readonly share: number }[];
}

/** All profiles of a folder, the busiest first: that is the leader's. */
export function readProfiles(folder: string): readonly Profile[] {
  const profiles = fs
    .readdirSync(folder)
    .map((file) => profileOf(JSON.parse(fs.readFileSync(join(folder, file), 'utf8'))));
  return profiles.sort((a, b) => b.busyMs - a.busyMs);
}

/** @param skippedMs of the beginning, which do not count */
export function profileOf(
  { nodes, samples, timeDeltas }: CpuProfile,
  skippedMs = SKIPPED_MS,
): Profile {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const place = url === '' ? '' : `  ${url.replace(/^.*\/dist\//, '')}:${lineNumber + 1}`;
      return [id, `${functionName || '(anonymous)'}${place}`];
    }),
  );
  const self = new Map<string, number>();
  let busyUs = 0;
  let passedUs = 0;
  for (const [at, id] of samples.entries()) {
    const name = names.get(id)!;
    const tookUs = timeDeltas[at]!;
    passedUs += tookUs;
    if (name === '(idle)' || passedUs < skippedMs * 1000) continue;
    busyUs += tookUs;
    self.set(name, (self.get(name) ?? 0) + tookUs);
  }
  const functions = [...self]
    .map(([name, tookUs]) => ({ name, share: tookUs / busyUs }))
    .sort((a, b) => b.share - a.share);
  return { busyMs: busyUs / 1000, functions };
}

/** A profile for people: its first `count` functions. */
export function profileLines({ busyMs, functions }: Profile, count: number): readonly string[] {
  return [
    `${Math.round(busyMs).toLocaleString('en')} ms of work, by self time`,
    ...functions
      .slice(0, count)
      .map(({ name, share }) => `${(share * 100).toFixed(1).padStart(6)} %  ${name}`),
  ];
}
