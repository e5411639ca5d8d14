import { describe, expect, test } from 'vitest';
import { QuorateError } from '../base/errors.ts';
import type { Address, Stream } from '../ports/streams.ts';
import { SimulationError } from './scheduler.ts';
import type { Program } from './sim-node.ts';
import { World } from './world.ts';

/** A program that does a bit of everything, all the time, and survives every fault. */
function busy(names: readonly string[]): Program {
  return ({ clock, random, disk, packets, streams, crypto }) => {
    const quietly = (): void => {};
    const serve = (stream: Stream): void => {
      stream.subscribe({
        received: (bytes) => void stream.write([bytes.subarray(0, 100)]),
        ended: () => stream.end(),
        closed: quietly,
      });
    };
    streams.listen({ address: { host: '0.0.0.0', port: 7 } }, { accepted: serve }, quietly);
    packets.bind({ host: '0.0.0.0', port: 7 }, { received: quietly }, (socket) => {
      if (socket instanceof QuorateError) return;
      const chat = (): void => {
        const host = `10.0.0.${1 + random.below(names.length)}`;
        socket.send(crypto.randomBytes(random.below(200)), { host, port: 7 });
        clock.after(random.fraction() * 20, chat);
      };
      chat();
    });
    const call = (): void => {
      const address: Address = { host: names[random.below(names.length)]!, port: 7 };
      streams.connect({ address, timeoutMs: 500 }, (stream) => {
        clock.after(random.fraction() * 100, call);
        if (stream instanceof QuorateError) return;
        stream.subscribe({ received: quietly, closed: quietly });
        stream.write([crypto.randomBytes(300), crypto.randomBytes(20)]);
        clock.after(random.fraction() * 200, () => {
          if (random.below(2) === 0) stream.end();
          else stream.destroy();
        });
      });
    };
    call();
    const store = (): void => {
      const path = `file-${random.below(3)}`;
      disk.writeAtomically(path, crypto.randomBytes(random.below(5_000)), () => {
        clock.endOfTurn(() => clock.after(random.fraction() * 10, store));
      });
    };
    store();
  };
}

/** A run with faults of all kinds, of which everything is drawn from the seed. */
function chaos(seed: number, onEvent?: (line: string) => void): World {
  const names = ['a', 'b', 'c'];
  const world = new World({
    seed,
    trap: true,
    ...(onEvent === undefined ? {} : { onEvent }),
    network: {
      slowChance: 0.1,
      slowMs: [1, 50],
      lossChance: 0.1,
      duplicateChance: 0.1,
      flipChance: 0.05,
      resetChance: 0.01,
    },
  });
  for (const name of names) {
    const node = world.node(name, { profile: name === 'c' ? 'windows' : 'posix' });
    node.run(busy(names));
    node.volume.faults = {
      ...node.volume.faults,
      stallChance: 0.05,
      stallMs: [5, 100],
      writeErrorChance: 0.02,
      syncErrorChance: 0.02,
      shortWriteChance: 0.02,
    };
  }
  const { random } = world;
  const pick = (): string => names[random.below(names.length)]!;
  const trouble = (): void => {
    const node = world.node(pick());
    const [a, b] = [pick(), pick()];
    const kind = random.below(9);
    if (kind === 0) node.crash({ power: random.below(2) === 0 ? 'lost' : 'kept' });
    if (kind === 1 && node.running) node.crashAtCall(1 + random.below(20));
    if (kind === 2) node.pause();
    if (kind === 3) node.resume();
    if (kind === 4) world.network.partition([a], [b], { oneWay: random.below(2) === 0 });
    if (kind === 5) world.network.clog(a, b);
    if (kind === 6) world.network.heal();
    if (kind === 7) world.network.reset(a, b);
    if (kind === 8) node.clocks.rate = 0.9 + 0.2 * random.fraction();
    for (const each of world.nodes) if (!each.running && random.below(3) === 0) each.restart();
    world.after(random.fraction() * 100, 'trouble', trouble);
  };
  trouble();
  world.runFor(5_000);
  return world;
}

describe('determinism', () => {
  test('the same seed twice gives the same log, byte for byte', () => {
    const logs = [1, 2].map(() => {
      const lines: string[] = [];
      const world = chaos(42, (line) => lines.push(line));
      return { lines, digest: world.digest, steps: world.steps };
    });
    expect(logs[0]!.lines.length).toBeGreaterThan(5_000);
    expect(logs[0]!.lines.join('\n') === logs[1]!.lines.join('\n')).toBe(true);
    expect(logs[0]!.digest).toBe(logs[1]!.digest);
    // Listening changes nothing.
    expect(chaos(42).digest).toBe(logs[0]!.digest);
    // The log tells of everything that was tried.
    const told = logs[0]!.lines.join('\n');
    for (const what of [
      'crashes, power lost',
      'crashes, power kept',
      'lost',
      'stream a',
      'wrote',
    ]) {
      expect(told).toContain(what);
    }
  });

  test('another seed gives another log', () => {
    const digests = new Set([1, 2, 3, 4, 5].map((seed) => chaos(seed).digest));
    expect(digests.size).toBe(5);
  });

  test('what a node draws does not depend on which nodes there are beside', () => {
    const drawn = (names: string[]): number => {
      const world = new World({ seed: 9 });
      for (const name of names) world.node(name);
      return world.node('b').ports.random.uint32();
    };
    expect(drawn(['a', 'b', 'c'])).toBe(drawn(['b']));
  });
});

describe('processes', () => {
  test('a crashed process neither acts nor hears any more', () => {
    const world = new World({ seed: 1 });
    const node = world.node('a');
    const heard: string[] = [];
    node.run(({ clock, packets }) => {
      clock.after(10, () => heard.push('timer'));
      clock.endOfTurn(() => heard.push('turn'));
      const events = { received: () => heard.push('packet') };
      packets.bind({ host: '0.0.0.0', port: 7 }, events, () => heard.push('bound'));
    });
    world.runUntil(() => heard.includes('bound') && heard.includes('turn'), { limitMs: 10 });
    const { ports } = node;
    node.crash();
    expect(node.running).toBe(false);
    ports.clock.after(0, () => heard.push('from the grave'));
    ports.clock.endOfTurn(() => heard.push('from the grave'));
    ports.disk.list('', () => heard.push('from the grave'));
    world.runFor(100);
    expect(heard.sort()).toEqual(['bound', 'turn']);
    expect(node.starts).toBe(1);
    node.restart();
    world.runFor(100);
    expect(heard.filter((each) => each === 'timer').length).toBe(1);
    expect(node.starts).toBe(2);
  });

  test('dies between any two things that it does in one callback', () => {
    const done: number[] = [];
    for (let call = 1; call <= 4; call++) {
      const world = new World({ seed: call });
      const node = world.node('a');
      node.run(({ packets, clock }) => {
        packets.bind({ host: '0.0.0.0', port: 7 }, { received: () => {} }, (socket) => {
          if (socket instanceof QuorateError) return;
          for (let number = 0; number < 3; number++) {
            socket.send(Uint8Array.of(number), { host: '10.0.0.2', port: 7 });
          }
          clock.after(0, () => done.push(99));
        });
      });
      const received: number[] = [];
      world
        .node('b')
        .ports.packets.bind(
          { host: '0.0.0.0', port: 7 },
          { received: (bytes) => received.push(bytes[0]!) },
          () => {},
        );
      // Call 1 is the bind itself.
      node.crashAtCall(call);
      world.runFor(50);
      expect(node.running).toBe(false);
      expect(received.sort()).toEqual([0, 1, 2].slice(0, Math.max(0, call - 2)));
    }
    expect(done).toEqual([]);
  });

  test('a paused process hears later what came meanwhile, in order', () => {
    const world = new World({ seed: 1 });
    const node = world.node('a');
    const rung: number[] = [];
    node.run(({ clock }) => {
      for (const ms of [5, 1, 9, 40]) {
        clock.after(ms, () => rung.push(ms));
      }
    });
    world.runFor(2);
    node.pause();
    world.runFor(20);
    expect(rung).toEqual([1]);
    node.resume();
    world.runFor(1);
    expect(rung).toEqual([1, 5, 9]);
    world.runFor(30);
    expect(rung).toEqual([1, 5, 9, 40]);
  });

  test('may crash while it is paused, and again while it starts', () => {
    const world = new World({ seed: 1 });
    const node = world.node('a');
    let starts = 0;
    node.run(({ clock, disk }) => {
      clock.after(1, () => starts++);
      disk.list('', () => {});
    });
    node.pause();
    world.runFor(5);
    node.crash();
    node.restart();
    node.crashAtCall(2);
    world.runFor(5);
    expect(node.running).toBe(false);
    node.restart();
    world.runFor(5);
    expect(starts).toBe(1);
  });

  test('what a program throws comes out with the seed and the moment', () => {
    const world = new World({ seed: 1234 });
    world.node('a').run(({ clock }) => {
      clock.after(3, () => {
        throw new RangeError('a bug');
      });
    });
    let caught: unknown;
    try {
      world.runFor(10);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(SimulationError);
    expect(caught).toMatchObject({ seed: 1234, cause: { message: 'a bug' } });
    expect(String(caught)).toMatch(
      /a: timer: RangeError: a bug \(seed 1234, step \d+, 3\.\d+ ms\)/,
    );
  });
});

describe('time', () => {
  test('passes for each node at the rate of its clock', () => {
    const world = new World({ seed: 1 });
    const fast = world.node('fast');
    const slow = world.node('slow');
    world.runFor(1_000);
    fast.clocks.rate = 1.5;
    slow.clocks.rate = 0.5;
    const rung: string[] = [];
    for (const node of [slow, fast]) {
      node.ports.clock.after(300, () => rung.push(`${node.name} ${Math.round(world.nowMs)}`));
    }
    world.runFor(1_000);
    expect(fast.ports.clock.monotonicMs()).toBeCloseTo(2_500);
    expect(slow.ports.clock.monotonicMs()).toBeCloseTo(1_500);
    expect(rung).toEqual(['fast 1200', 'slow 1600']);
  });

  test('a timer does not ring early when the clock slows down under it', () => {
    const world = new World({ seed: 1 });
    const node = world.node('a');
    let rungMs = 0;
    node.ports.clock.after(100, () => {
      rungMs = node.ports.clock.monotonicMs();
    });
    world.runFor(50);
    node.clocks.rate = 0.5;
    world.runFor(200);
    expect(rungMs).toBeGreaterThanOrEqual(100);
    expect(rungMs).toBeLessThan(101);
  });

  test('jumps on the wall only, and the wall outlives a crash', () => {
    const world = new World({ seed: 1 });
    const node = world.node('a');
    world.runFor(10);
    const before = node.ports.clock.wallMs();
    node.clocks.jumpWall(-86_400_000);
    expect(node.ports.clock.wallMs()).toBe(before - 86_400_000);
    expect(node.ports.clock.monotonicMs()).toBeCloseTo(10);
    node.crash();
    node.restart();
    expect(node.ports.clock.monotonicMs()).toBe(0);
    expect(node.ports.clock.wallMs()).toBe(before - 86_400_000);
  });

  test('is not waited for: a day passes at once', () => {
    const world = new World({ seed: 1 });
    let rung = false;
    world.node('a').ports.clock.after(86_400_000, () => {
      rung = true;
    });
    world.runUntil(() => rung, { limitMs: 86_500_000 });
    expect(world.steps).toBe(1);
  });
});

describe('runs', () => {
  test('fail when a condition does not come true, and say which', () => {
    const world = new World({ seed: 5 });
    expect(() => world.runUntil(() => world.nowMs < 0, { limitMs: 10 })).toThrow(
      /nothing is left to happen.*world\.nowMs < 0.*seed 5/,
    );
    const tick = (): void => world.after(1, 'tick', tick);
    tick();
    expect(() => world.runUntil(() => world.nowMs < 0, { limitMs: 10 })).toThrow(/not in time/);
    expect(world.nowMs).toBeLessThanOrEqual(10);
  });

  test('settle promises between events when asked to', async () => {
    const world = new World({ seed: 1 });
    const { clock } = world.node('a').ports;
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));
    const order: string[] = [];
    const work = async (name: string, ms: number): Promise<void> => {
      for (let round = 0; round < 3; round++) {
        await sleep(ms);
        await Promise.all([Promise.resolve(), Promise.resolve().then(() => {})]);
        order.push(`${name}${round} at ${Math.round(world.nowMs)}`);
      }
    };
    void work('x', 10);
    void work('y', 14);
    await world.settleUntil(() => order.length === 6, { limitMs: 1_000 });
    expect(order).toEqual(['x0 at 10', 'y0 at 14', 'x1 at 20', 'y1 at 28', 'x2 at 30', 'y2 at 42']);
  });
});
