/**
 * `quorate recover`: makes the one survivor of a cluster that lost its majority go on alone. The
 * last resort, and never done by itself: it says what it costs, and wants to be told `--yes`.
 */
import { type LostMajorityReport, recoverLostMajority } from '../index.ts';
import { parseFlags } from './flags.ts';

export const recoverUsage = `quorate recover --data DIR --yes   go on with one member after a majority is lost

  --data DIR             directory of the survivor, which must not run
  --yes                  do it
  --repair               even if its log is damaged: what is intact counts
  --json                 say what was done as JSON

  Only where most members are gone for good: what was acknowledged and is not on this member is lost,
  and what it holds uncommitted takes effect. Choose the survivor that holds the most. The others are
  removed from the cluster: one that comes back is refused as removed-member, and stops. Start the
  survivor as before, then let new members join it.

  Example: quorate recover --data /var/lib/app/a --yes`;

const kinds = {
  data: 'text',
  yes: 'switch',
  repair: 'switch',
  json: 'switch',
} as const;

/** Runs the command. Throws `invalid-config` for wrong flags, and what the directory is refused with. */
export async function recoverCommand(args: readonly string[]): Promise<number> {
  const { flags, words } = parseFlags(args, kinds);
  if (flags.data === undefined || words.length > 0) {
    console.error(`Which directory is it? --data DIR says it.\n\n${recoverUsage}`);
    return 2;
  }
  if (!flags.yes) {
    console.error(`Nothing was done: this is not undone, and needs --yes.\n\n${recoverUsage}`);
    return 2;
  }
  const report = await recoverLostMajority({ dataDir: flags.data, repair: flags.repair });
  console.log(flags.json ? JSON.stringify(report) : described(report, flags.data));
  return 0;
}

function described(
  { name, memberId, clusterId, groups }: LostMajorityReport,
  data: string,
): string {
  const lines = groups.map(({ group, lastIndex, term }) => {
    return `  group ${group}: all up to entry ${lastIndex} counts, from term ${term} on`;
  });
  return [
    `Member ${memberId} (${name}) is now the only member of cluster ${clusterId}:`,
    ...lines,
    'All other members are removed. What only they had is lost.',
    `Start it on ${data} as before; others may then join it with new, empty directories.`,
  ].join('\n');
}
