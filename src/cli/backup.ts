/**
 * `quorate backup`: writes a backup of a member into a file, through the member while it runs, or
 * from its directory while it does not; or says what a file holds.
 */
import { type BackupInfo, backupDirectory, backupFile, QuorateError } from '../index.ts';
import { accessKinds, accessUsage, clientOf } from './access-flags.ts';
import { parseFlags } from './flags.ts';

export const backupUsage = `quorate backup --member HOST:PORT --out FILE   back up groups of a running member
quorate backup --data DIR --out FILE           back up the directory of a member that does not run
quorate backup --check FILE                   read all of a backup, and say what it holds

  --out FILE             the new file, which must not be there
  --group NAME           only this group; may be given more than once
  --local                what the member has applied, without asking a majority
${accessUsage}
  --json                 say what was done as JSON

  Each group is taken as it stands at one index. A directory's backup holds all that its log holds,
  and can be restored into a directory only.

  Examples: quorate backup --member 127.0.0.1:7001 --out /var/backups/app-2026-11-21.backup
            quorate backup --data /var/lib/app/a --out a.backup --group counters
            quorate backup --check a.backup --json`;

const kinds = {
  ...accessKinds,
  data: 'text',
  out: 'text',
  check: 'text',
  group: 'list',
  local: 'switch',
  json: 'switch',
} as const;

/** Runs the command. Throws `invalid-config` for wrong flags, and what a backup fails with. */
export async function backupCommand(args: readonly string[]): Promise<number> {
  const { flags, words } = parseFlags(args, kinds);
  const { member, data, out, check, group, local, json } = flags;
  const sources = [member, data, check].filter((each) => each !== undefined);
  if (sources.length !== 1 || (check === undefined) === (out === undefined) || words.length > 0) {
    console.error(`It is one of -member, -data (each with -out) and -check.\n\n${backupUsage}`);
    return 2;
  }
  if (check !== undefined) return say(check, json, []);
  const file = backupFile(out!);
  const groups = group.length === 0 ? {} : { groups: group };
  if (data !== undefined) {
    await file.write(backupDirectory({ dataDir: data, ...groups })).catch((error: unknown) => {
      throw lockedOr(error, data);
    });
    return say(file.path, json, []);
  }
  const client = await clientOf(member!, flags);
  try {
    const consistency = local ? 'local' : 'linearizable';
    const backup = await client.backup({ consistency, ...groups });
    await file.write(backup);
    return await say(file.path, json, backup.missing);
  } finally {
    await client.close();
  }
}

/** A member that runs says how it is backed up. */
function lockedOr(error: unknown, data: string): unknown {
  if (!(error instanceof QuorateError) || error.code !== 'directory-locked') return error;
  const text = `the member of ${data} runs: back it up through it, with -member HOST:PORT`;
  return new QuorateError('directory-locked', text, { cause: error });
}

async function say(path: string, json: boolean, missing: readonly string[]): Promise<number> {
  const info = await backupFile(path).inspect();
  console.log(json ? JSON.stringify({ file: path, ...info, missing }) : described(path, info));
  if (missing.length > 0) {
    console.error(`Not in it, for they are not open on that member: ${missing.join(', ')}.`);
  }
  return 0;
}

function described(path: string, info: BackupInfo): string {
  const { member, clusterId, timeMs, groups, sizeBytes, sha256 } = info;
  const lines = groups.map(({ name, index, term, machine, source }) => {
    const kind = machine === undefined ? source : `${machine.kind}, version ${machine.version}`;
    return `  group ${name} at index ${index}, term ${term} (${kind})`;
  });
  const when = new Date(timeMs).toISOString();
  return [
    `${path}: ${sizeBytes} bytes, whole, of member ${member} of cluster ${clusterId}, ${when}`,
    ...lines,
    `  sha256 ${sha256}`,
  ].join('\n');
}
