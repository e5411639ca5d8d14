/**
 * `quorate snapshot`: the way out, and the way in. What a running server holds is saved as an etcd
 * snapshot; one that was saved so, or by etcdctl, becomes the directory of a member. The flags are
 * those of etcdctl.
 */
import {
  QuorateError,
  readServerSettings,
  readSnapshotStatus,
  restoreSnapshot,
  saveSnapshot,
} from '../server.ts';
import { parseFlags } from './flags.ts';

export const snapshotUsage = `quorate snapshot save FILE [flags]   save what a running member holds

  --endpoints HOST:PORT              the member (127.0.0.1:2379)
  --user NAME:PASSWORD               as whom, where access control is on; or with --password
  --cacert FILE --cert FILE --key FILE   for TLS: whom to believe, and the own certificate
  -w table | json                    how to say what was done

quorate snapshot restore FILE [flags]   make a member's directory from an etcd snapshot

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

quorate snapshot status FILE [-w table | json] [--skip-hash-check]   say what a snapshot holds

  Examples: quorate snapshot save --endpoints 127.0.0.1:2379 backup.db
            quorate snapshot restore backup.db --name a --data-dir /var/lib/quorate/a`;

const saveKinds = {
  w: 'text',
  'write-out': 'text',
  endpoints: 'text',
  user: 'text',
  password: 'text',
  cacert: 'text',
  cert: 'text',
  key: 'text',
} as const;
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
  if (verb === 'save') return save(rest);
  if (verb === 'restore') return restore(rest);
  if (verb === 'status') return status(rest);
  console.error(`It is save, restore or status.\n\n${snapshotUsage}`);
  return 2;
}

async function save(args: readonly string[]): Promise<number> {
  const { flags, words } = parseFlags(args, saveKinds);
  const [file] = words;
  if (file === undefined || words.length > 1) return whichFile();
  const endpoint = flags.endpoints ?? '127.0.0.1:2379';
  if (endpoint.includes(',')) {
    throw new QuorateError('invalid-config', 'a snapshot is of one member: name one endpoint');
  }
  const { user, password, cacert, cert, key } = flags;
  const scheme = cacert !== undefined || cert !== undefined ? 'https' : 'http';
  const saved = await saveSnapshot(file, {
    url: endpoint.includes('://') ? endpoint : `${scheme}://${endpoint}`,
    ...(user === undefined ? {} : { user: userOf(user, password) }),
    authorityPath: cacert,
    certificatePath: cert,
    keyPath: key,
  });
  if (isJson(flags)) console.log(JSON.stringify({ file, ...saved }));
  else console.log(`Snapshot saved at ${file}: ${saved.sizeBytes} bytes, version ${saved.version}`);
  return 0;
}

/** `NAME:PASSWORD`, or the name alone with the password beside it. */
function userOf(user: string, password: string | undefined): { name: string; password: string } {
  if (password !== undefined) return { name: user, password };
  const at = user.indexOf(':');
  if (at > 0) return { name: user.slice(0, at), password: user.slice(at + 1) };
  throw new QuorateError('invalid-config', '--user is NAME:PASSWORD, or there is --password');
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
