/**
 * A real cluster in one process, for an application's own tests: real logs in a temporary directory,
 * real sockets on free ports of the loopback interface, and times that suit tests.
 */
import type { Machine } from '../engine/machine.ts';
import type { AnyDefinition } from '../machine/definition.ts';
import type { Group } from './group.ts';
import type { Member } from './member.ts';
import type { MemberOptions, MemberSettings } from './options.ts';
import type { TypedGroup } from './typed-group.ts';

/** What a test wants of its cluster. */
export interface TestClusterOptions {
  /** How many members. Default 3. */
  readonly members?: number;
  /** What all members are opened with, beside what the cluster itself decides. */
  readonly options?: Partial<MemberOptions>;
}

/** What the platform gives it. */
export interface TestClusterHost {
  open(options: MemberOptions): Promise<Member>;
  directory(): Promise<{ readonly path: string; remove(): Promise<void> }>;
}

/** Elections after 0.2 to 0.4 s, and files that are quickly made. */
const tickMs = 10;
/** Tests run beside much else, and what fails there for want of time says nothing. */
const requestTimeoutMs = 30_000;
const settings: MemberSettings = {
  log: { segmentBytes: 2 ** 22, reserveBytes: 0, spareSegmentsMax: 0 },
  entryBytesMax: 2 ** 20,
};

/** A cluster for tests; `testCluster` opens it. */
export class TestCluster {
  readonly #host: TestClusterHost;
  readonly #options: Partial<MemberOptions>;
  readonly #directory: { readonly path: string; remove(): Promise<void> };
  readonly #members: Member[] = [];

  private constructor(
    host: TestClusterHost,
    options: Partial<MemberOptions>,
    directory: { readonly path: string; remove(): Promise<void> },
  ) {
    this.#host = host;
    this.#options = options;
    this.#directory = directory;
  }

  /** The door does it with the platform's host. */
  static async open(host: TestClusterHost, options: TestClusterOptions): Promise<TestCluster> {
    const cluster = new TestCluster(host, options.options ?? {}, await host.directory());
    try {
      for (let n = 0; n < (options.members ?? 3); n++) await cluster.#add(n);
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  /** The members, in the order of their names `a`, `b`, `c` …; the first has founded the cluster. */
  get members(): readonly Member[] {
    return this.#members;
  }

  /** Opens a group on every member; `machine` makes each its own. In the order of the members. */
  group<State extends Machine>(name: string, machine: () => State): Promise<Group<State>[]>;
  /** The same for a machine that was stated with `machine()`. */
  group<Definition extends AnyDefinition>(
    name: string,
    definition: Definition,
  ): Promise<TypedGroup<Definition>[]>;
  group(name: string, stated: AnyDefinition | (() => Machine)): Promise<Group[]> {
    const open = (member: Member): Promise<Group> =>
      typeof stated === 'function' ? member.group(name, stated()) : member.group(name, stated);
    return Promise.all(this.#members.map(open));
  }

  /** Ends a member as if its process had stopped in good order, and opens it again. */
  async restart(index: number): Promise<Member> {
    await this.#members[index]?.close();
    return this.#add(index);
  }

  /** Ends all members and removes their directories. */
  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.close()));
    await this.#directory.remove();
  }

  async #add(index: number): Promise<Member> {
    const before = this.#members[index]?.address;
    const name = String.fromCharCode('a'.charCodeAt(0) + index);
    const others = this.#members.filter((_, i) => i !== index);
    const member = await this.#host.open({
      tickMs,
      requestTimeoutMs,
      ...this.#options,
      settings: { ...settings, ...this.#options.settings },
      name,
      dataDir: `${this.#directory.path}/${name}`,
      // Who comes back is looked for where it was.
      listen: `127.0.0.1:${before?.port ?? 0}`,
      join: others.map(({ address }) => `${address.host}:${address.port}`),
    });
    this.#members[index] = member;
    await this.#untilVoter(member);
    return member;
  }

  /** A newcomer is a learner first: a test shall find a cluster in which all vote. */
  #untilVoter(member: Member): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop: (() => void)[] = [];
      const end = (settle: () => void): void => {
        for (const each of stop.splice(0)) each();
        settle();
      };
      const knows = (each: Member): boolean =>
        each.members().some(({ id, role }) => id === member.id && role === 'voter');
      const look = (): void => {
        if (this.#members.every(knows)) end(resolve);
      };
      for (const each of this.#members) stop.push(each.onMembership(look));
      member.closed.then((error) => end(() => reject(error ?? new Error('closed'))));
      look();
    });
  }
}
