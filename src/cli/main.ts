#!/usr/bin/env node
/**
 * The `quorate` command: finds the command that is asked for, runs it, and turns what went wrong
 * into a line for people and an exit code.
 */
import { QuorateError } from '../base/errors.ts';
import { version } from '../base/version.ts';
import { gossipCommand, gossipUsage } from './gossip.ts';
import { recoverCommand, recoverUsage } from './recover.ts';
import { serveCommand, serveUsage } from './serve.ts';
import { simCommand, simUsage } from './sim.ts';
import { snapshotCommand, snapshotUsage } from './snapshot.ts';

/** A command: what it says of itself, and what it does with its words. */
interface Command {
  readonly usage: string;
  /** Resolves with the exit code. */
  readonly run: (args: readonly string[]) => Promise<number>;
}

const commands: Readonly<Record<string, Command>> = {
  serve: { usage: serveUsage, run: serveCommand },
  gossip: { usage: gossipUsage, run: gossipCommand },
  recover: { usage: recoverUsage, run: recoverCommand },
  snapshot: { usage: snapshotUsage, run: snapshotCommand },
  sim: { usage: simUsage, run: simCommand },
};

const helpWords = ['help', '-help', '--help', '-h'];
const versionWords = ['version', '-version', '--version', '-v'];

async function main(args: readonly string[]): Promise<number> {
  const [name = 'help', ...rest] = args;
  if (versionWords.includes(name)) {
    console.log(version);
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const asked = helpWords.includes(name);
    const topic = commands[rest[0] ?? ''];
    if (asked) console.log(topic?.usage ?? overview());
    else console.error(`There is no command "${name}".\n\n${overview()}`);
    return asked ? 0 : 2;
  }
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
function overview(): string {
  const lines = Object.values(commands).flatMap(({ usage }) => usage.split('\n'));
  const heads = lines.filter((line) => line.startsWith('quorate '));
  return `${heads.join('\n')}\n\nquorate help COMMAND says more; quorate version, which version this is.`;
}

process.exitCode = await main(process.argv.slice(2));
