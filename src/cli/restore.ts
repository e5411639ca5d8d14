/** `quorate restore`: makes the directory of a new cluster's member from a backup. */
import { backupFile, type RestoredMember, restoreMember } from '../index.ts';
import { parseFlags } from './flags.ts';

export const restoreUsage = `quorate restore FILE --data DIR --name NAME   make a new cluster's directory from a backup

  --data DIR             the new directory, which must not be there
  --name NAME            the member's name
  --peer NAME=HOST:PORT  a first member of the new cluster, this one too; each restores the same file
  --group NAME[=NEW]     only this group, perhaps under a new name; may be given more than once
  --token TEXT           tells clusters apart that restore the same file with the same names
  --json                 say what was done as JSON

  Nothing is written unless all of the file is whole. The cluster is a new one: members of the old
  one are refused. Then start each member as usual, with the same name and directory.

  Examples: quorate restore app.backup --data /var/lib/app/a --name a
            quorate restore app.backup --data ./b --name b --peer a=10.0.0.1:7001 --peer b=10.0.0.2:7001`;

const kinds = {
  data: 'text',
  name: 'text',
  peer: 'list',
  group: 'list',
  token: 'text',
  json: 'switch',
} as const;

/** Runs the command. Throws `invalid-config` for wrong flags, and what the file is refused with. */
export async function restoreCommand(args: readonly string[]): Promise<number> {
  const { flags, words } = parseFlags(args, kinds);
  const [file] = words;
  const { data, name, token } = flags;
  if (file === undefined || words.length > 1 || data === undefined || name === undefined) {
    console.error(`A FILE, -data DIR and -name NAME are needed.\n\n${restoreUsage}`);
    return 2;
  }
  const peers = flags.peer.map((peer) => {
    const [peerName = '', address = ''] = cut(peer);
    return { name: peerName, address };
  });
  if (peers.some((peer) => peer.name === '' || peer.address === '')) {
    console.error(`-peer is NAME=HOST:PORT.\n\n${restoreUsage}`);
    return 2;
  }
  const groups = flags.group.map((each) => {
    const [from = '', called] = cut(each);
    return called === undefined ? from : { from, name: called };
  });
  const report = await restoreMember({
    from: backupFile(file),
    dataDir: data,
    name,
    ...(peers.length === 0 ? {} : { peers }),
    ...(groups.length === 0 ? {} : { groups }),
    ...(token === undefined ? {} : { clusterToken: token }),
  });
  console.log(flags.json ? JSON.stringify(report) : described(report, data, name));
  return 0;
}

/** What is before and behind the first `=`. */
function cut(text: string): readonly string[] {
  const at = text.indexOf('=');
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function described({ clusterId, memberId, groups }: RestoredMember, data: string, name: string) {
  const lines = groups.map(({ name: called, from, index, term }) => {
    const was = called === from ? '' : `, which was ${from}`;
    return `  group ${called}${was}, at index ${index}, term ${term}`;
  });
  return [
    `${data} is the directory of ${name}, member ${memberId} of the new cluster ${clusterId}:`,
    ...lines,
    'Start it there under that name, as any member.',
  ].join('\n');
}
