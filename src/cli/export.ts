/** `quorate export`: the state of a typed machine as lines of JSON, of a running member or a backup. */
import { backupFile, exportBackup } from '../index.ts';
import { accessKinds, accessUsage, clientOf } from './access-flags.ts';
import { parseFlags } from './flags.ts';

export const exportUsage = `quorate export --member HOST:PORT --group NAME   a typed machine's state as lines of JSON
quorate export --in FILE [--group NAME]         the same, out of a backup

  --at INDEX             wait until the member has applied so far
  --local                what the member has applied, without asking a majority
  --out FILE             into a new file; else to the standard output
${accessUsage}

  The first line says at which index it was taken, the last one that it is whole.

  Examples: quorate export --member 127.0.0.1:7001 --group counters
            quorate export --in app.backup --group counters --out counters.jsonl`;

const kinds = {
  ...accessKinds,
  in: 'text',
  group: 'text',
  at: 'number',
  local: 'switch',
  out: 'text',
} as const;

/** Runs the command. Throws `invalid-config` for wrong flags, and what the export fails with. */
export async function exportCommand(args: readonly string[]): Promise<number> {
  const { flags, words } = parseFlags(args, kinds);
  const { member, in: file, group, at, local, out } = flags;
  const isWhole = (member === undefined) !== (file === undefined) && words.length === 0;
  if (!isWhole || (member !== undefined && group === undefined)) {
    console.error(`It is -member with -group, or -in.\n\n${exportUsage}`);
    return 2;
  }
  const only = group === undefined ? {} : { group };
  if (file !== undefined) {
    await put(exportBackup(backupFile(file), only), out);
    return 0;
  }
  const client = await clientOf(member!, flags);
  try {
    const consistency = local ? 'local' : 'linearizable';
    const asked = { groups: [group!], consistency, ...(at === undefined ? {} : { at }) } as const;
    await put(exportBackup(await client.backup(asked), only), out);
    return 0;
  } finally {
    await client.close();
  }
}

async function put(lines: AsyncIterable<string>, out: string | undefined): Promise<void> {
  if (out !== undefined) {
    await backupFile(out).write(encoded(lines));
    return;
  }
  for await (const line of lines) {
    if (process.stdout.write(`${line}\n`)) continue;
    await new Promise<void>((resolve) => process.stdout.once('drain', () => resolve()));
  }
}

async function* encoded(lines: AsyncIterable<string>): AsyncGenerator<Uint8Array, void> {
  const encoder = new TextEncoder();
  let text = '';
  for await (const line of lines) {
    text += `${line}\n`;
    if (text.length < 65_536) continue;
    yield encoder.encode(text);
    text = '';
  }
  yield encoder.encode(text);
}
