import { beforeEach, describe, expect, test } from 'vitest';
import { ask, failure } from '../../test/ports/harness.ts';
import { type Heard, hear } from '../../test/ports/streams-suite.ts';
import { QuorateError } from '../base/errors.ts';
import type { PacketSocket } from '../ports/packets.ts';
import type { Listener } from '../ports/streams.ts';
import { streamPatienceMs } from './network.ts';
import type { SimNode } from './sim-node.ts';
import { World } from './world.ts';

const anywhere = { host: '0.0.0.0', port: 7 };
let world: World;
let a: SimNode;
let b: SimNode;
const waits = {
  until: async (condition: () => boolean): Promise<void> => {
    world.runUntil(condition, { limitMs: 100_000 });
  },
};
beforeEach(() => {
  world = new World({ seed: 11 });
  a = world.node('a');
  b = world.node('b');
});

describe('packets', () => {
  let socket: PacketSocket;
  let received: Uint8Array[];
  beforeEach(async () => {
    received = [];
    const events = { received: (bytes: Uint8Array) => received.push(bytes) };
    socket = await ask<PacketSocket>(waits, (answer) =>
      a.ports.packets.bind(anywhere, { received() {} }, answer),
    );
    await ask<PacketSocket>(waits, (answer) => b.ports.packets.bind(anywhere, events, answer));
  });
  function send(count: number): void {
    for (let number = 0; number < count; number++) {
      socket.send(Uint8Array.of(number, number >> 8, 0, 0), { host: b.ip, port: 7 });
    }
  }
  const numbers = (): number[] => received.map((bytes) => bytes[0]! + 256 * bytes[1]!);

  test('come from the sender’s address', async () => {
    const from: string[] = [];
    b.ports.packets.bind(
      { host: b.ip, port: 8 },
      { received: (_, sender) => from.push(`${sender.host}:${sender.port}`) },
      () => {},
    );
    world.runFor(1);
    socket.send(new Uint8Array(1), { host: b.ip, port: 8 });
    world.runFor(10);
    expect(from).toEqual([`${a.ip}:7`]);
  });

  test('are lost, doubled, overtaken and damaged by chance', () => {
    world.network.setFaults({ lossChance: 0.2 });
    send(1_000);
    world.runFor(10);
    expect(Math.abs(received.length - 800)).toBeLessThan(60);

    received.length = 0;
    world.network.setFaults({ lossChance: 0, duplicateChance: 0.2 });
    send(1_000);
    world.runFor(10);
    expect(Math.abs(received.length - 1_200)).toBeLessThan(60);

    received.length = 0;
    world.network.setFaults({ duplicateChance: 0, slowChance: 0.2, slowMs: [10, 20] });
    send(1_000);
    world.runFor(5);
    expect(Math.abs(received.length - 800)).toBeLessThan(60);
    world.runFor(20);
    expect(received.length).toBe(1_000);
    expect(numbers()).not.toEqual([...numbers()].sort((x, y) => x - y));

    received.length = 0;
    world.network.setFaults({ slowChance: 0, flipChance: 0.2 });
    socket.send(new Uint8Array(0), { host: b.ip, port: 7 });
    for (let number = 0; number < 1_000; number++) {
      socket.send(new Uint8Array(10), { host: b.ip, port: 7 });
    }
    world.runFor(10);
    const damaged = received.filter((bytes) => bytes.some((byte) => byte !== 0));
    expect(Math.abs(damaged.length - 200)).toBeLessThan(60);
  });

  test('do not pass a partition, which may be one-way or partial', () => {
    const c = world.node('c');
    world.network.partition(['a'], ['b', 'c']);
    send(10);
    world.runFor(10);
    expect(received.length).toBe(0);
    expect(world.network.reaches('b', 'c')).toBe(true);
    world.network.heal();
    send(10);
    world.runFor(10);
    expect(received.length).toBe(10);
    world.network.partition(['b'], ['a'], { oneWay: true });
    send(10);
    world.runFor(10);
    expect(received.length).toBe(20);
    expect([world.network.reaches('a', 'b'), world.network.reaches('b', 'a')]).toEqual([
      true,
      false,
    ]);
    expect(c.running).toBe(true);
  });

  test('wait at a clog', () => {
    world.network.clog('a', 'b');
    send(10);
    world.runFor(1_000);
    expect(received.length).toBe(0);
    world.network.heal(['a', 'b']);
    expect(received.length).toBe(10);
  });

  test('have links of their own', () => {
    world.network.setLink('a', 'b', { delayMs: [100, 100] });
    send(1);
    world.runFor(99);
    expect(received.length).toBe(0);
    world.runFor(2);
    expect(received.length).toBe(1);
  });

  test('find nobody where no machine is on, and are dropped when too many wait', () => {
    b.pause();
    send(1_000);
    world.runFor(10);
    b.resume();
    world.runFor(10);
    expect(received.length).toBe(256);
    b.crash();
    send(10);
    world.runFor(10);
    b.restart();
    world.runFor(10);
    expect(received.length).toBe(256);
  });
});

describe('streams', () => {
  let client: Heard;
  let server: Heard;
  let accepted: Heard[];
  async function connect(): Promise<Heard> {
    let heard: Heard | undefined;
    const options = { address: { host: 'b', port: 7 }, timeoutMs: 30_000 };
    a.ports.streams.connect(options, (stream) => {
      if (stream instanceof QuorateError) throw stream;
      heard = hear(stream);
    });
    await waits.until(() => heard !== undefined);
    return heard!;
  }
  function listen(): Promise<Listener> {
    const events = {
      accepted: (stream: Heard['stream']) => {
        accepted.push(hear(stream));
      },
    };
    return ask<Listener>(waits, (answer) => {
      b.ports.streams.listen({ address: anywhere }, events, answer);
    });
  }
  beforeEach(async () => {
    accepted = [];
    await listen();
    client = await connect();
    server = accepted[0]!;
  });
  const say = (heard: Heard, text: string): void => {
    heard.stream.write([new TextEncoder().encode(text)]);
  };

  test('arrive in order and whole in pieces of any size, though packets are lost and slow', () => {
    world.network.setFaults({ lossChance: 0.2, slowChance: 0.2, slowMs: [1, 50] });
    let sent = '';
    let pieces = 0;
    const received: number[] = [];
    for (let number = 0; number < 500; number++) {
      say(client, `${number},`);
      sent += `${number},`;
      if (number % 50 === 0) world.runFor(5);
      if (server.receivedBytes !== received.at(-1)) pieces = received.push(server.receivedBytes);
    }
    world.runUntil(() => server.text === sent, { limitMs: 60_000 });
    expect(pieces).toBeGreaterThan(1);
  });

  test('wait out a partition, also one-way, and then go on', () => {
    world.network.partition(['a'], ['b']);
    say(client, 'held up');
    world.runFor(5_000);
    expect(server.text).toBe('');
    world.network.heal();
    world.runUntil(() => server.text === 'held up', { limitMs: 10_000 });
    world.network.partition(['b'], ['a'], { oneWay: true });
    say(client, ', passes');
    say(server, 'does not');
    world.runFor(1_000);
    expect([server.text, client.text]).toEqual(['held up, passes', '']);
    world.network.heal();
    world.runUntil(() => client.text === 'does not', { limitMs: 10_000 });
  });

  test('are given up after long silence', () => {
    world.network.partition(['a'], ['b']);
    say(client, 'hello?');
    world.runUntil(() => client.closed !== undefined, { limitMs: 2 * streamPatienceMs });
    expect(client.closed?.code).toBe('connection-timeout');
    // The other end has said nothing, and so has noticed nothing: it is half open.
    expect(server.closed).toBeUndefined();
    world.network.heal();
    say(server, 'still there?');
    world.runUntil(() => server.closed !== undefined, { limitMs: 10_000 });
    expect(server.closed?.code).toBe('connection-reset');
  });

  test('stay half open when the machine of the other end loses its power', async () => {
    b.crash();
    world.runFor(60_000);
    expect(client.closed).toBeUndefined();
    b.restart();
    world.runFor(60_000);
    expect(client.closed).toBeUndefined();
    say(client, 'are you the one I knew?');
    world.runFor(1_000);
    expect(client.closed?.code).toBe('connection-reset');
  });

  test('end when only the process of the other end is killed', async () => {
    const ends = new Set<string>();
    for (let time = 0; time < 20; time++) {
      b.crash({ power: 'kept' });
      world.runFor(1_000);
      ends.add(client.closed?.code ?? (client.ended ? 'ended' : 'open'));
      b.restart();
      await listen();
      client = await connect();
    }
    expect([...ends].sort()).toEqual(['connection-reset', 'ended']);
  });

  test('break at both ends when they are told to, or by chance', async () => {
    world.network.reset('b', 'a');
    world.runFor(10);
    expect(client.closed?.code).toBe('connection-reset');
    expect(server.closed?.code).toBe('connection-reset');
    const again = await connect();
    world.network.setFaults({ resetChance: 0.5 });
    for (let time = 0; time < 20 && again.closed === undefined; time++) {
      say(again, 'x');
      world.runFor(10);
    }
    expect(again.closed?.code).toBe('connection-reset');
    expect(accepted[1]!.closed?.code).toBe('connection-reset');
  });

  test('lose a flipped bit to nobody but the reader’s checksum', () => {
    world.network.setFaults({ flipChance: 1 });
    client.stream.write([new Uint8Array(8)]);
    const before = server.text;
    world.runUntil(() => server.receivedBytes === 8, { limitMs: 1_000 });
    expect(before).toBe('');
    expect(server.text).not.toBe('\0'.repeat(8));
  });

  test('hold back a writer whose reader is paused as a process', () => {
    b.pause();
    const piece = new Uint8Array(64 * 1024);
    let sent = 0;
    while (client.stream.write([piece])) sent += piece.length;
    world.runFor(1_000);
    expect(client.drained).toBe(0);
    b.resume();
    world.runUntil(() => server.receivedBytes === sent + piece.length, { limitMs: 10_000 });
    world.runUntil(() => client.drained === 1, { limitMs: 1_000 });
  });

  test('name why they cannot be had', async () => {
    const connectTo = (port: number, timeoutMs: number) =>
      failure(waits, (end) => {
        a.ports.streams.connect({ address: { host: 'b', port }, timeoutMs }, end);
      });
    expect(await connectTo(8, 1_000)).toBe('connection-refused');
    world.network.partition(['a'], ['b']);
    expect(await connectTo(7, 1_000)).toBe('connection-timeout');
    world.network.heal();
    b.crash();
    expect(await connectTo(7, 1_000)).toBe('connection-timeout');
  });

  test('can be had again once the other side is up', async () => {
    b.crash();
    let heard: Heard | undefined;
    const options = { address: { host: 'b', port: 7 }, timeoutMs: 30_000 };
    a.ports.streams.connect(options, (stream) => {
      if (!(stream instanceof QuorateError)) heard = hear(stream);
    });
    world.runFor(500);
    b.restart();
    void listen();
    world.runUntil(() => heard !== undefined, { limitMs: 5_000 });
  });

  test('follow a name to a new address', async () => {
    const before = b.ip;
    b.readdress();
    expect(b.ip).not.toBe(before);
    world.runFor(10);
    expect(server.closed?.code).toBe('connection-reset');
    const again = await connect();
    expect(again.stream.remote.host).toBe(b.ip);
  });

  test('have no TLS here', async () => {
    const credentials = {};
    expect(
      await failure(waits, (end) => {
        const address = { host: 'b', port: 7 };
        a.ports.streams.connect({ address, timeoutMs: 1_000, tls: { credentials } }, end);
      }),
    ).toBe('tls-failed');
  });
});
