/** The link driver on real loopback streams, and in the simulated world. */
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { recordsOf } from '../../test/peers/wired-peers.ts';
import { untilReal } from '../../test/ports/harness.ts';
import { QuorateError } from '../base/errors.ts';
import { SeededRandom } from '../base/seeded-random.ts';
import type { PeerRecord } from '../engine/peers/greeter.ts';
import type { PeerEvent } from '../engine/peers/peer-event.ts';
import { type PeerHandler, type PeerSettings, Peers, peerDefaults } from '../engine/peers/peers.ts';
import { nodePorts } from '../platform/node-ports.ts';
import type { LogFacts, Logger } from '../ports/logger.ts';
import type { Ports } from '../ports/ports.ts';
import type { Address, Credentials, Stream } from '../ports/streams.ts';
import { World } from '../sim/world.ts';
import { certifiedNames, LinkDriver, type LinkDriverInit } from './link-driver.ts';

const TICK_MS = 20;

interface RunningOptions {
  readonly tls?: LinkDriverInit['tls'];
  readonly service?: LinkDriverInit['service'];
  readonly settings?: Partial<PeerSettings>;
  readonly driver?: LinkDriverInit['settings'];
}

/** A member's links on ports: what the engine's driver will do. */
class Running {
  readonly peers: Peers;
  readonly driver: LinkDriver;
  readonly received: string[] = [];
  readonly refusals: string[] = [];
  readonly logged: LogFacts[] = [];
  readonly #ports: Ports;
  #stopped = false;

  constructor(ports: Ports, member: number, options: RunningOptions = {}) {
    this.#ports = ports;
    const handler: PeerHandler = {
      message: (from, group, { type }) => void this.received.push(`${from}/${group}: ${type}`),
      call: (_from, _kind, payload, answer) => answer({ ok: true, value: payload }),
      peerUp: () => {},
      peerDown: () => {},
      dropped: () => {},
      refused: (_peer, { code }) => void this.refusals.push(code),
    };
    const mac = undefined;
    this.peers = new Peers({
      self: { clusterId: 7, member, incarnation: 1000 + member, features: [], mac },
      settings: { ...peerDefaults, ...options.settings },
      handler,
      random: ports.random,
      nowMs: ports.clock.monotonicMs(),
    });
    this.driver = new LinkDriver({
      streams: ports.streams,
      clock: ports.clock,
      logger: this.#logger(),
      deliver: (event) => this.#deliver(event),
      tls: options.tls,
      service: options.service,
      settings: options.driver ?? {},
    });
    this.#tick();
  }

  #logger(): Logger {
    const note = (facts: LogFacts): void => void this.logged.push(facts);
    return { debug: note, info: note, warn: note, error: note, child: () => this.#logger() };
  }

  #deliver(event: PeerEvent): void {
    this.peers.handle(event);
    this.run();
  }

  run(): void {
    for (const effect of this.peers.flush()) this.driver.run(effect);
  }

  #tick(): void {
    if (this.#stopped) return;
    this.peers.tick(this.#ports.clock.monotonicMs());
    this.run();
    this.#ports.clock.after(TICK_MS, () => this.#tick());
  }

  stop(done: () => void): void {
    this.#stopped = true;
    this.peers.close();
    this.run();
    this.driver.close(done);
  }
}

const hostPort = ({ host, port }: Address): string => `${host}:${port}`;
const pem = (name: string): string =>
  readFileSync(new URL(`../../test/ports/certificates/${name}.pem`, import.meta.url), 'utf8');
const identity = (name: string): Credentials => ({
  certificate: pem(name),
  key: pem(`${name}-key`),
  authorities: [pem('authority')],
  revocationLists: [pem('revoked-list')],
});

const running: Running[] = [];
const sockets: net.Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const each of running.splice(0)) await stop(each);
});

function start(member: number, options: RunningOptions = {}): Running {
  const made = new Running(nodePorts({ dataDir: '/nowhere' }), member, options);
  running.push(made);
  return made;
}

async function stop(each: Running): Promise<void> {
  let stopped = false;
  each.stop(() => {
    stopped = true;
  });
  await untilReal(() => stopped);
  expect(each.driver.openConnections).toBe(0);
}

async function listen(on: Running): Promise<Address> {
  let address: Address | undefined;
  on.driver.listen({ host: '127.0.0.1', port: 0 }, (answer) => {
    if (answer instanceof QuorateError) throw answer;
    address = answer;
  });
  await untilReal(() => address !== undefined);
  return address!;
}

/** Members 1 and 2, each listening and knowing the other one. */
async function pair(options: (member: number) => RunningOptions = () => ({})) {
  const [a, b] = [start(1, options(1)), start(2, options(2))];
  const at = { a: await listen(a), b: await listen(b) };
  const know = (changes: Record<number, Partial<PeerRecord>> = {}): void => {
    const records = recordsOf([1, 2], {
      1: { address: hostPort(at.a), ...changes[1] },
      2: { address: hostPort(at.b), ...changes[2] },
    });
    for (const each of [a, b]) each.peers.setPeers(records);
  };
  know();
  return { a, b, at, know };
}

const beat = { type: 'heartbeat', from: 1, to: 2, term: 1, commit: 0, round: 0 } as const;

describe('links on loopback', () => {
  test('come up, carry messages and large questions, and leave nothing open', async () => {
    const { a, b } = await pair();
    await untilReal(() => a.peers.isUp(2) && b.peers.isUp(1));
    a.peers.send(2, 9, beat);
    const payload = new Uint8Array(10 * 2 ** 20).map((_, at) => at * 31);
    const answers: Uint8Array[] = [];
    const deadlineMs = Number.MAX_SAFE_INTEGER;
    a.peers.call(2, { kind: 1, payload, deadlineMs }, (result) => {
      if (result.ok) answers.push(result.value);
    });
    a.run();
    await untilReal(() => answers.length === 1);
    expect(Buffer.compare(answers[0]!, payload)).toBe(0);
    expect(b.received).toEqual(['1/9: heartbeat']);
    await untilReal(() => a.driver.openConnections === 1 && b.driver.openConnections === 1);
    await stop(running.shift()!);
    await untilReal(() => !b.peers.isUp(1) && b.driver.openConnections === 0);
  });

  test('names are resolved, and a bad address is a failed dial', async () => {
    const { a, b, at, know } = await pair();
    know({ 2: { address: `localhost:${at.b.port}` } });
    await untilReal(() => a.peers.isUp(2));
    know({ 2: { address: 'nonsense' } });
    await stop(running.pop()!);
    await untilReal(() => a.peers.status()[0]?.lastError?.code === 'invalid-config');
    expect(b.peers.isUp(1)).toBe(false);
  });

  test('a blocked stream is told, and drains', async () => {
    const settings = { queueBytesMax: 60 * 2 ** 20 };
    const { a, b, at } = await pair(() => ({ settings }));
    await untilReal(() => a.peers.isUp(2));
    // A member that reads nothing for a while: its own stream, by hand.
    const events: PeerEvent[] = [];
    const ports = nodePorts({ dataDir: '/nowhere' });
    const driver = new LinkDriver({
      ...ports,
      deliver: (event) => void events.push(event),
    });
    driver.run({ type: 'dial', link: 1, address: hostPort(at.b), peer: 0, name: undefined });
    expect(events).toEqual([]);
    await untilReal(() => events.length > 0);
    expect(events[0]).toMatchObject({ type: 'link-connected', link: 1, certifiedNames: undefined });
    driver.run({ type: 'write', link: 1, buffers: [new Uint8Array(32 * 2 ** 20)] });
    expect(events).toHaveLength(1);
    await untilReal(() => events.some(({ type }) => type === 'link-blocked'));
    expect(events[1]).toEqual({ type: 'link-blocked', link: 1, blocked: true });
    // What begins with zeros is nobody's protocol: without a service it is closed.
    await untilReal(() => events.some(({ type }) => type === 'link-closed'));
    let closed = false;
    driver.close(() => {
      closed = true;
    });
    await untilReal(() => closed);
    expect(driver.openConnections).toBe(0);
    expect(b.peers.isUp(1)).toBe(true);
  });

  test('a service gets what is not ours, the first bytes first', async () => {
    const streams: Stream[] = [];
    const heard: string[] = [];
    const service = (stream: Stream): void => {
      streams.push(stream);
      stream.subscribe({
        received: (bytes) => heard.push(new TextDecoder().decode(bytes)),
        ended: () => {
          stream.write([new TextEncoder().encode('HTTP/1.1 200 OK')]);
          stream.end();
        },
        closed: (error) => heard.push(`closed ${error}`),
      });
      expect(heard).toEqual([]);
    };
    const a = start(1, { service });
    const { port } = await listen(a);
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    sockets.push(socket);
    let answer = '';
    socket.on('data', (bytes) => {
      answer += bytes;
    });
    socket.end('GET / HTTP/1.1\r\n\r\n');
    await untilReal(() => answer === 'HTTP/1.1 200 OK' && heard.at(-1) === 'closed null');
    expect(heard.slice(0, -1).join('')).toBe('GET / HTTP/1.1\r\n\r\n');
    expect(streams[0]!.remote.host).toBe('127.0.0.1');
    expect(a.driver.openConnections).toBe(0);
  });

  test('a service that pauses at once gets nothing until it resumes', async () => {
    const heard: string[] = [];
    let stream: Stream | undefined;
    const service = (given: Stream): void => {
      stream = given;
      given.pause();
      given.subscribe({
        received: (bytes) => heard.push(new TextDecoder().decode(bytes)),
        closed: () => heard.push('closed'),
      });
    };
    const { port } = await listen(start(1, { service }));
    const socket = net.connect({ port, host: '127.0.0.1' });
    sockets.push(socket);
    socket.write('hello');
    await untilReal(() => stream !== undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard).toEqual([]);
    stream!.resume();
    await untilReal(() => heard.join() === 'hello');
    // What is still open when the member closes is closed.
    await stop(running.shift()!);
    expect(heard).toEqual(['hello', 'closed']);
  });

  test('a listener that cannot listen says so by name', async () => {
    const a = start(1);
    const address = await listen(a);
    const answers: unknown[] = [];
    start(2).driver.listen(address, (answer) => answers.push(answer));
    await untilReal(() => answers.length === 1);
    expect(answers[0]).toMatchObject({ code: 'address-in-use' });
  });
});

describe('TLS between members', () => {
  const secured = (name: string, dialedName: 'host' | 'member' = 'host'): RunningOptions => ({
    tls: { credentials: identity(name), dialedName },
  });

  test('with certificates that name the hosts, and reloaded while it runs', async () => {
    const { a, b } = await pair(() => secured('server'));
    await untilReal(() => a.peers.isUp(2) && b.peers.isUp(1));
    for (const each of [a, b]) each.driver.reload(identity('renewed'));
    expect(() => a.driver.reload({ certificate: 'x', key: 'y' })).toThrow(/reloading/);
    for (const each of [a, b]) each.peers.setPeers(recordsOf([]));
    a.run();
    b.run();
    await untilReal(() => a.driver.openConnections + b.driver.openConnections === 0);
  });

  test('a member of another name and host is refused by name', async () => {
    // Its certificate is of our authority, for a host that is none of ours.
    const { a, b } = await pair((member) =>
      member === 1 ? secured('server', 'member') : secured('elsewhere'),
    );
    await untilReal(() => a.refusals.includes('wrong-member'));
    await untilReal(() => b.refusals.includes('wrong-member'));
    expect([a.peers.isUp(2), b.peers.isUp(1)]).toEqual([false, false]);
  });

  test('a certificate may carry the member’s name in place of the host', async () => {
    const { a, b, know } = await pair((member) =>
      secured(member === 1 ? 'server' : 'elsewhere', 'member'),
    );
    know({ 1: { name: 'a.example' }, 2: { name: 'elsewhere.example' } });
    await untilReal(() => a.peers.isUp(2) && b.peers.isUp(1));
  });

  test.each(['client', 'revoked', 'expired', 'foreign'])(
    'a dialer with a certificate that is %s gets nowhere',
    async (name) => {
      const a = start(1, secured('server'));
      const address = await listen(a);
      a.peers.setPeers(recordsOf([1, 2], { 2: { address: '127.0.0.1:1' } }));
      const b = start(2, secured(name));
      b.peers.setPeers(recordsOf([1, 2], { 1: { address: hostPort(address) } }));
      await untilReal(
        () =>
          a.logged.some(({ code }) => code === 'tls-failed') || a.refusals.includes('wrong-member'),
      );
      expect(a.peers.isUp(2)).toBe(false);
      expect(b.peers.isUp(1)).toBe(false);
    },
  );

  test('without TLS nobody gets in where there is TLS, nor the reverse', async () => {
    const { a, b } = await pair((member) => (member === 1 ? secured('server') : {}));
    await untilReal(() => a.logged.some(({ code }) => code === 'tls-failed'));
    await untilReal(() => a.peers.status()[0]?.lastError !== undefined);
    expect([a.peers.isUp(2), b.peers.isUp(1)]).toEqual([false, false]);
  });

  test('a certificate is taken for its alternative names, and not if it is a client’s alone', () => {
    const shown = {
      commonName: 'm1',
      names: ['a'],
      addresses: ['::1'],
      usages: [],
      fingerprint: '',
    };
    expect(certifiedNames(shown)).toEqual(['a', '::1']);
    expect(certifiedNames({ ...shown, usages: ['1.3.6.1.5.5.7.3.1'] })).toEqual(['a', '::1']);
    expect(certifiedNames({ ...shown, usages: ['1.3.6.1.5.5.7.3.2'] })).toEqual([]);
    expect(certifiedNames(null)).toEqual([]);
  });
});

describe('links in the simulated world', () => {
  test('three members find each other through faults, with one stream each', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const world = new World({ seed, trap: true });
      const names = ['m1', 'm2', 'm3'];
      const members: (Running | undefined)[] = [undefined, undefined, undefined];
      names.forEach((name, at) => {
        world.node(name).run((ports) => {
          const made = new Running(
            { ...ports, random: new SeededRandom(ports.random.uint32()) },
            at + 1,
          );
          members[at] = made;
          made.peers.setPeers(recordsOf([1, 2, 3]));
          made.driver.listen({ host: name, port: 1 }, (answer) => {
            if (answer instanceof QuorateError) throw answer;
          });
        });
      });
      const together = (): boolean =>
        members.every(
          (member) =>
            member?.driver.openConnections === 2 &&
            member.peers.status().every(({ connected }) => connected),
        );
      world.runUntil(together, { limitMs: 20_000 });
      world.network.partition(['m1'], ['m2', 'm3']);
      world.runUntil(() => !members[0]!.peers.isUp(2), { limitMs: 20_000 });
      world.network.heal();
      world.runUntil(together, { limitMs: 60_000 });
      const before = members[1];
      const victim = world.node('m2');
      victim.crash({ power: seed % 2 === 0 ? 'lost' : 'kept' });
      world.runFor(1000);
      victim.restart();
      world.runUntil(() => members[1] !== before && together(), { limitMs: 60_000 });
      members[0]!.peers.send(2, 1, beat);
      world.runUntil(() => members[1]!.received.length > 0, { limitMs: 5000 });
    }
  });
});
