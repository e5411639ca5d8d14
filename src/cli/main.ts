#!/usr/bin/env node
/**
 * The `quorate` command: finds the command that is asked for, runs it, and turns what went wrong
 * into a line for people and an exit code.
 */
import { QuorateError } from '../base/errors.ts';
import { version } from '../base/version.ts';

/** A command: what it says of itself, and what it does with its words. */
interface Command {
  readonly usage: string;
  /** Resolves with the exit code. */
  readonly run: (args: readonly string[]) => Promise<number>;
}

/** Each is loaded when it is asked for: what the others need would double the time of a start. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  async serve() {
    const { serveUsage: usage, serveCommand: run } = await import('./serve.ts');
    return { usage, run };
  },
  async gossip() {
    const { gossipUsage: usage, gossipCommand: run } = await import('./gossip.ts');
    return { usage, run };
  },
  async recover() {
    const { recoverUsage: usage, recoverCommand: run } = await import('./recover.ts');
    return { usage, run };
  },
  async backup() {
    const { backupUsage: usage, backupCommand: run } = await import('./backup.ts');
    return { usage, run };
  },
  async restore() {
    const { restoreUsage: usage, restoreCommand: run } = await import('./restore.ts');
    return { usage, run };
  },
  async export() {
    const { exportUsage: usage, exportCommand: run } = await import('./export.ts');
    return { usage, run };
  },
  async snapshot() {
    const { snapshotUsage: usage, snapshotCommand: run } = await import('./snapshot.ts');
    return { usage, run };
  },
  async sim() {
    const { simUsage: usage, simCommand: run } = await import('./sim.ts');
    return { usage, run };
  },
};

const helpWords = ['help', '-help', '--help', '-h'];
const versionWords = ['version', '-version', '--version', '-v'];

async function main(args: readonly string[]): Promise<number> {
  const [name = 'help', ...rest] = args;
  if (versionWords.includes(name)) {
    console.log(version);
    return 0;
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load === undefined) {
    const asked = helpWords.includes(name);
    const topic = Object.hasOwn(commands, rest[0] ?? '') ? commands[rest[0]!] : undefined;
    const help = topic === undefined ? await overview() : (await topic()).usage;
    if (asked) console.log(help);
    else console.error(`There is no command "${name}".\n\n${help}`);
    return asked ? 0 : 2;
  }
  const command = await load();
  if (rest.some((word) => helpWords.slice(1).includes(word)) || rest[0] === 'help') {
    console.log(command.usage);
    return 0;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    console.error(`${error.message} (${error.code})`);
    return error.code === 'invalid-config' ? 2 : 1;
  }
}

/** What each command is for, in a line. */
async function overview(): Promise<string> {
  const loaded = await Promise.all(Object.values(commands).map((load) => load()));
  const lines = loaded.flatMap(({ usage }) => usage.split('\n'));
  const heads = lines.filter((line) => line.startsWith('quorate '));
  return `${heads.join('\n')}\n\nMore of each: quorate help COMMAND. Which version this is: quorate version.`;
}

process.exitCode = await main(process.argv.slice(2));
