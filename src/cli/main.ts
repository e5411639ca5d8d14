#!/usr/bin/env node
/**
 * The `quorate` command: finds the command that is asked for, runs it, and turns what went wrong
 * into a line for people and an exit code.
 */
import { QuorateError } from '../base/errors.ts';
import { backupCommand, backupUsage } from './backup.ts';
import { exportCommand, exportUsage } from './export.ts';
import { gossipCommand, gossipUsage } from './gossip.ts';
import { recoverCommand, recoverUsage } from './recover.ts';
import { restoreCommand, restoreUsage } from './restore.ts';
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
  backup: { usage: backupUsage, run: backupCommand },
  restore: { usage: restoreUsage, run: restoreCommand },
  export: { usage: exportUsage, run: exportCommand },
  snapshot: { usage: snapshotUsage, run: snapshotCommand },
  sim: { usage: simUsage, run: simCommand },
};

async function main(args: readonly string[]): Promise<number> {
  const [name = 'help', ...rest] = args;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const asked = ['help', '-help', '--help', '-h'].includes(name);
    if (!asked) console.error(`There is no command "${name}".\n`);
    for (const { usage } of Object.values(commands)) console.log(usage);
    return asked ? 0 : 2;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    console.error(`${error.message} (${error.code})`);
    return error.code === 'invalid-config' ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
