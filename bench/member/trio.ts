/**
 * Three processes that make one cluster on the loopback interface, of either contender: starting,
 * asking, killing and starting again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Answer, Ask } from './conversation.ts';

/** A program that takes a member's name, its directory and all peers, and speaks `conversation`. */
export interface Contender {
  readonly name: string;
  readonly command: readonly string[];
}

type Answered<Type> = Extract<Answer, { type: Type }>;

/** One member's process. */
class MemberProcess {
  readonly #child: ChildProcess;
  #answers: ((answer: Answer) => void)[] = [];
  readonly ready: Promise<void>;
  readonly ended: Promise<void>;

  constructor(command: readonly string[]) {
    const [program, ...rest] = command as [string, ...string[]];
    this.#child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.ended = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    this.ready = new Promise((resolve) => this.#answers.push(() => resolve()));
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on('line', (line) => this.#answers.shift()?.(JSON.parse(line) as Answer));
    // A process that was killed takes no more questions.
    this.#child.stdin!.on('error', () => {});
  }

  async ask<Type extends Answer['type']>(ask: Ask): Promise<Answered<Type>> {
    const answer = new Promise<Answer>((resolve) => this.#answers.push(resolve));
    this.#child.stdin!.write(`${JSON.stringify(ask)}\n`);
    return (await answer) as Answered<Type>;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  async close(): Promise<void> {
    this.#child.stdin!.write(`${JSON.stringify({ type: 'close' })}\n`);
    await this.ended;
  }
}

/** CPU and memory of all three processes together. */
export interface Usage {
  readonly cpuUs: number;
  readonly rssBytes: number;
}

/** What one load came to. */
export interface Measured {
  readonly operations: number;
  readonly perSecond: number;
  readonly cpuUsEach: number;
  readonly medianMs: number;
}

export class Trio {
  readonly name: string;
  readonly #commands: readonly (readonly string[])[];
  readonly #members: MemberProcess[];

  constructor(name: string, commands: readonly (readonly string[])[]) {
    this.name = name;
    this.#commands = commands;
    this.#members = commands.map((command) => new MemberProcess(command));
  }

  /** Founds a cluster below `directory`; settles when all three take requests. */
  static async start({ name, command }: Contender, directory: string): Promise<Trio> {
    const ports = await freePorts(3);
    const peers = ports.map((port, at) => `${names[at]}=127.0.0.1:${port}`).join(',');
    const trio = new Trio(
      name,
      names.map((member) => {
        const dataDir = join(directory, member);
        mkdirSync(dataDir, { recursive: true });
        return [...command, member, dataDir, peers];
      }),
    );
    await Promise.all(trio.#members.map(({ ready }) => ready));
    return trio;
  }

  /** Where the leader is; waits until there is one. */
  async leader(): Promise<number> {
    for (;;) {
      const asked = this.#members.map((member) => member.ask<'leader'>({ type: 'leader' }));
      const at = (await Promise.all(asked)).findIndex(({ isLeader }) => isLeader);
      if (at !== -1) return at;
    }
  }

  async follower(): Promise<number> {
    return ((await this.leader()) + 1) % 3;
  }

  async usage(): Promise<Usage> {
    const asked = this.#members.map((member) => member.ask<'usage'>({ type: 'usage' }));
    const all = await Promise.all(asked);
    const sum = (of: 'cpuUs' | 'rssBytes') => all.reduce((total, one) => total + one[of], 0);
    return { cpuUs: sum('cpuUs'), rssBytes: sum('rssBytes') };
  }

  /** Puts a load on one member and measures all. */
  async load(at: number, ask: Extract<Ask, { type: 'write' | 'read' }>): Promise<Measured> {
    const before = await this.usage();
    const { operations, seconds, medianMs } = await this.#members[at]!.ask<'done'>(ask);
    const { cpuUs } = await this.usage();
    const cpuUsEach = (cpuUs - before.cpuUs) / operations;
    return { operations, perSecond: operations / seconds, cpuUsEach, medianMs };
  }

  /** Milliseconds from the leader's end by SIGKILL to the next write that a survivor is promised. */
  async failOver(): Promise<number> {
    const at = await this.leader();
    const startMs = performance.now();
    await this.#members[at]!.kill();
    const survivors = this.#members.filter((_, other) => other !== at);
    const asked = survivors.map((member) => member.ask({ type: 'first-write' }));
    await Promise.race(asked);
    const tookMs = performance.now() - startMs;
    await Promise.all(asked);
    await this.#restart(at);
    return tookMs;
  }

  /** Milliseconds from the start of a member that was killed until it answers a linearizable read. */
  async restart(at: number): Promise<number> {
    await this.#members[at]!.kill();
    const startMs = performance.now();
    await this.#restart(at);
    return performance.now() - startMs;
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.close()));
  }

  /** Ends the processes at once, where something has failed. */
  async kill(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.kill()));
  }

  async #restart(at: number): Promise<void> {
    this.#members[at] = new MemberProcess(this.#commands[at]!);
    await this.#members[at].ready;
  }
}

const names = ['a', 'b', 'c'];

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(typeof address === 'object' && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
