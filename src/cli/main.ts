#!/usr/bin/env node
/**
 * The `quorate` command: finds the command that is asked for, runs it, and turns what went wrong
 * into a line for people and an exit code.
 */
import { QuorateError } from '../base/errors.ts';

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
  async snapshot() {
    const { snapshotUsage: usage, snapshotCommand: run } = await import('./snapshot.ts');
    return { usage, run };
  },
  async sim() {
    const { simUsage: usage, simCommand: run } = await import('./sim.ts');
    return { usage, run };
  },
};

async function main(args: readonly string[]): Promise<number> {
  const [name = 'help', ...rest] = args;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const asked = ['help', '-help', '--help', '-h'].includes(name);
    if (!asked) console.error(`There is no command "${name}".\n`);
    for (const load of Object.values(commands)) console.log((await load()).usage);
    return asked ? 0 : 2;
  }
  try {
    return await (await command()).run(rest);
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    console.error(`${error.message} (${error.code})`);
    return error.code === 'invalid-config' ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
