/** HashiCorp's own agent and command, for tests of interoperation. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { freePort, until } from '../processes/waiting.ts';

/** Why tests with the real agent cannot run here; empty if they can. */
export function serfMissing(): string {
  return spawnSync('serf', ['version']).status === 0 ? '' : 'needs the Debian package serf';
}

/** Runs the stock command; resolves with what it printed, whatever its exit code. */
export function runSerf(
  rpcAddress: string,
  command: string,
  ...args: readonly string[]
): Promise<{ readonly output: string; readonly code: number }> {
  const words = [command, `-rpc-addr=${rpcAddress}`, ...args];
  return new Promise((resolve) => {
    execFile('serf', words, { timeout: 60_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ output: stdout + stderr, code });
    });
  });
}

/** A member as `serf members -format=json` prints it. */
export interface ListedMember {
  readonly name: string;
  readonly addr: string;
  readonly port: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly status: string;
}

/** The members that the agent at `rpcAddress` knows, by name. */
export async function listedMembers(rpcAddress: string): Promise<Map<string, ListedMember>> {
  const { output } = await runSerf(rpcAddress, 'members', '-format=json');
  const { members } = JSON.parse(output) as { members: ListedMember[] };
  return new Map(members.map((member) => [member.name, member]));
}

/**
 * A complaint of the agent's about what somebody sent. That a connection broke off, as happens on
 * a machine that stood still for a while, is none.
 */
const complaint =
  /(Failed to decode|not supported|incompatible)(?!.*(EOF|i\/o timeout|reset by peer))/i;

/** A real agent in a process of its own. */
export class SerfAgent {
  readonly name: string;
  readonly port: number;
  readonly rpcAddress: string;
  readonly #process: ChildProcess;
  #log = '';

  private constructor(name: string, port: number, rpcAddress: string, process: ChildProcess) {
    this.name = name;
    this.port = port;
    this.rpcAddress = rpcAddress;
    this.#process = process;
    const note = (bytes: Buffer): void => {
      this.#log += bytes.toString();
    };
    process.stdout?.on('data', note);
    process.stderr?.on('data', note);
  }

  /** The lines of its log in which it does not understand what it was sent. */
  get complaints(): string[] {
    return this.#log.split('\n').filter((line) => complaint.test(line));
  }

  static async start(name: string, ...flags: readonly string[]): Promise<SerfAgent> {
    const port = await freePort();
    const rpcAddress = `127.0.0.1:${await freePort()}`;
    const args = [
      'agent',
      `-node=${name}`,
      `-bind=127.0.0.1:${port}`,
      `-rpc-addr=${rpcAddress}`,
      '-log-level=debug',
      ...flags,
    ];
    const agent = new SerfAgent(name, port, rpcAddress, spawn('serf', args));
    await until(`the real agent ${name}`, () => {
      if (agent.#process.exitCode !== null) throw new Error(`serf agent ended:\n${agent.#log}`);
      return agent.#log.includes('Serf agent starting') || agent.#log.includes('Agent: RPC');
    });
    await until(`the RPC of ${name}`, async () => (await runSerf(rpcAddress, 'info')).code === 0);
    return agent;
  }

  /** Everything that it has logged. */
  get log(): string {
    return this.#log;
  }

  /** Runs a command against this agent. */
  run(command: string, ...args: readonly string[]) {
    return runSerf(this.rpcAddress, command, ...args);
  }

  members(): Promise<Map<string, ListedMember>> {
    return listedMembers(this.rpcAddress);
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#process.once('exit', () => resolve());
      this.#process.kill(signal);
    });
  }
}
