/**
 * `quorate snapshot`: the way in from etcd. A snapshot that etcdctl has saved becomes the directory
 * of a member, with flags as etcdctl has them.
 */
import { readServerSettings, readSnapshotStatus, restoreSnapshot } from '../server.ts';
import { parseFlags } from './flags.ts';

export const snapshotUsage = `quorate snapshot restore FILE [flags]   make a member's directory from an etcd snapshot

  --data-dir DIR                     the new directory (NAME.etcd), which must not be there
  --name NAME                        the member's name (default)
  --initial-cluster NAME=URL,…       the first members; each restores the same file
  --initial-advertise-peer-urls URL  where the others reach this one
  --initial-cluster-token TEXT       tells clusters apart (etcd-cluster)
  --skip-hash-check                  take a plain database, without its checksum
  --bump-revision N                  raise the revision by N, for clients that have seen later ones
  --mark-compacted                   let nothing before that revision be readable
  --without-auth                     turn access control off; users have to be given new passwords
  -w table | json                    how to say what was done

  Then start each member: quorate serve, with the same name, directory and URLs.

quorate snapshot status FILE [-w table | json] [--skip-hash-check]   say what a snapshot holds`;

const shared = { w: 'text', 'write-out': 'text', 'skip-hash-check': 'switch' } as const;
const restoreKinds = {
  ...shared,
  'data-dir': 'text',
  name: 'text',
  'initial-cluster': 'text',
  'initial-advertise-peer-urls': 'text',
  'initial-cluster-token': 'text',
  'bump-revision': 'number',
  'mark-compacted': 'switch',
  'without-auth': 'switch',
} as const;

/** Flags that mean the same to `quorate serve`, which knows what may be in them. */
const serverFlags = [
  'data-dir',
  'name',
  'initial-cluster',
  'initial-advertise-peer-urls',
  'initial-cluster-token',
] as const;

/** Runs the command. Throws `invalid-config` for wrong flags, and what the file is refused with. */
export async function snapshotCommand(args: readonly string[]): Promise<number> {
  const [verb, ...rest] = args;
  if (args.some((arg) => ['-h', '-help', '--help', 'help'].includes(arg))) {
    console.log(snapshotUsage);
    return 0;
  }
  if (verb === 'restore') return restore(rest);
  if (verb === 'status') return status(rest);
  console.error(`It is restore or status.\n\n${snapshotUsage}`);
  return 2;
}

async function restore(args: readonly string[]): Promise<number> {
  const { flags, words } = parseFlags(args, restoreKinds);
  const [file] = words;
  if (file === undefined || words.length > 1) return whichFile();
  const bumpRevision = flags['bump-revision'] ?? 0;
  if (!Number.isSafeInteger(bumpRevision) || bumpRevision < 0) {
    console.error('--bump-revision is a whole number, 0 or more.');
    return 2;
  }
  const given = serverFlags.flatMap((name) => {
    const value = flags[name];
    return value === undefined ? [] : [`--${name}=${value}`];
  });
  const settings = await readServerSettings(given);
  const report = await restoreSnapshot(file, settings, {
    skipHashCheck: flags['skip-hash-check'],
    bumpRevision,
    markCompacted: flags['mark-compacted'],
    withoutAuth: flags['without-auth'],
  });
  if (isJson(flags)) {
    console.log(JSON.stringify(report));
    return 0;
  }
  const { keys, records, leases, users, revision, compactRevision, authEnabled } = report;
  const lines = [
    `${settings.dataDir} is the directory of ${settings.name}, member ${report.memberId} of a new cluster.`,
    `  keys ${keys}, records ${records}, leases ${leases}, users ${users}`,
    `  revision ${revision}, compacted at ${compactRevision < 0 ? 'none' : compactRevision}`,
    `  access control is ${authEnabled ? 'on' : 'off'}`,
  ];
  console.log(lines.join('\n'));
  return 0;
}

function status(args: readonly string[]): number {
  const { flags, words } = parseFlags(args, shared);
  const [file] = words;
  if (file === undefined || words.length > 1) return whichFile();
  const { hash, revision, totalKeys, totalSizeBytes } = readSnapshotStatus(file, {
    skipHashCheck: flags['skip-hash-check'],
  });
  if (isJson(flags)) {
    // The names are etcdctl's.
    const fields = { hash: Number.parseInt(hash, 16), revision, totalKey: totalKeys };
    console.log(JSON.stringify({ ...fields, totalSize: totalSizeBytes }));
  } else {
    console.log(`hash ${hash}, revision ${revision}, keys ${totalKeys}, bytes ${totalSizeBytes}`);
  }
  return 0;
}

function whichFile(): number {
  console.error(`Which file is it?\n\n${snapshotUsage}`);
  return 2;
}

function isJson(flags: {
  readonly w?: string | undefined;
  readonly 'write-out'?: string | undefined;
}) {
  return (flags.w ?? flags['write-out']) === 'json';
}
