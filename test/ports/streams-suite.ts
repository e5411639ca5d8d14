/** What every {@link Streams} does without TLS, on a network that is well. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AssertionError } from '../../src/base/assert.ts';
import type { QuorateError } from '../../src/base/errors.ts';
import type {
  Address,
  ConnectOptions,
  Listener,
  ListenOptions,
  Stream,
  Streams,
} from '../../src/ports/streams.ts';
import { act, ask, failure, type Harness, isPlain, type MakeHarness, outcome } from './harness.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const anyPort: Address = { host: '127.0.0.1', port: 0 };

/** A stream with all that was heard from it. */
export interface Heard {
  readonly stream: Stream;
  text: string;
  receivedBytes: number;
  drained: number;
  ended: boolean;
  closed: QuorateError | null | undefined;
}

/** Subscribes to a stream and notes what comes. */
export function hear(stream: Stream): Heard {
  const heard: Heard = {
    stream,
    text: '',
    receivedBytes: 0,
    drained: 0,
    ended: false,
    closed: undefined,
  };
  stream.subscribe({
    received(content) {
      expect(content.length).toBeGreaterThan(0);
      expect(isPlain(content)).toBe(true);
      expect(heard.ended || heard.closed !== undefined).toBe(false);
      heard.receivedBytes += content.length;
      if (heard.text.length < 10_000) heard.text += new TextDecoder().decode(content);
    },
    drained() {
      heard.drained++;
    },
    ended() {
      expect(heard.ended).toBe(false);
      heard.ended = true;
    },
    closed(error) {
      expect(heard.closed).toBeUndefined();
      heard.closed = error;
    },
  });
  return heard;
}

/** Registers the suite. */
export function streamsSuite(name: string, make: MakeHarness<Streams>): void {
  describe(`streams port: ${name}`, () => {
    let world: Harness<Streams>;
    let streams: Streams;
    let heard: Heard[];
    let listeners: Set<Listener>;
    beforeEach(async () => {
      world = await make();
      streams = world.port;
      heard = [];
      listeners = new Set();
    });
    afterEach(async () => {
      for (const { stream } of heard) stream.destroy();
      for (const listener of listeners) await act(world, (done) => listener.close(done));
      await world.close();
    });

    interface Accepting {
      readonly listener: Listener;
      readonly accepted: Heard[];
      readonly refused: string[];
    }
    async function listen(options: Partial<ListenOptions> = {}): Promise<Accepting> {
      const accepted: Heard[] = [];
      const refused: string[] = [];
      const listener = await ask<Listener>(world, (answer) =>
        streams.listen(
          { address: anyPort, ...options },
          {
            accepted: (stream) => {
              const from = hear(stream);
              accepted.push(from);
              heard.push(from);
            },
            refused: (error) => refused.push(error.code),
          },
          answer,
        ),
      );
      listeners.add(listener);
      return { listener, accepted, refused };
    }
    async function close(listener: Listener): Promise<void> {
      listeners.delete(listener);
      await act(world, (done) => listener.close(done));
    }
    async function connect(
      address: Address,
      options: Partial<ConnectOptions> = {},
    ): Promise<Heard> {
      const answered: (Heard | QuorateError)[] = [];
      streams.connect({ address, timeoutMs: 30_000, ...options }, (answer) => {
        answered.push('write' in answer ? hear(answer) : answer);
      });
      expect(answered).toEqual([]);
      await world.until(() => answered.length > 0);
      const [first] = answered;
      if (!('stream' in first!)) throw first;
      heard.push(first);
      return first;
    }
    async function pair(options: Partial<ListenOptions> = {}): Promise<[Heard, Heard]> {
      const { listener, accepted } = await listen(options);
      const client = await connect(listener.address);
      await world.until(() => accepted.length === 1);
      return [client, accepted[0]!];
    }

    test('connects, and tells the addresses of both ends', async () => {
      const [client, server] = await pair();
      expect(client.stream.remote).toEqual(server.stream.local);
      expect(client.stream.local).toEqual(server.stream.remote);
      expect(client.stream.local.host).toBe('127.0.0.1');
      expect(client.stream.certificate).toBeNull();
      expect(client.stream.protocol).toBeNull();
    });

    test('carries bytes both ways, in order, several buffers at once', async () => {
      const [client, server] = await pair();
      expect(client.stream.write([bytes('one '), bytes('two '), bytes('')])).toBe(true);
      client.stream.write([bytes('three')]);
      client.stream.write([]);
      server.stream.write([bytes('answer')]);
      await world.until(() => server.text.length === 13 && client.text.length === 6);
      expect([server.text, client.text]).toEqual(['one two three', 'answer']);
    });

    test('gives the receiver bytes of its own', async () => {
      const { listener } = await listen();
      const sent = bytes('mine');
      await close(listener);
      const kept: Uint8Array[] = [];
      const spoiling = await ask<Listener>(world, (answer) =>
        streams.listen(
          { address: anyPort },
          {
            accepted: (stream) =>
              stream.subscribe({
                received: (content) => {
                  content.fill(0);
                  kept.push(content);
                },
                closed: () => {},
              }),
          },
          answer,
        ),
      );
      listeners.add(spoiling);
      const client = await connect(spoiling.address);
      client.stream.write([sent]);
      await world.until(() => kept.length > 0);
      expect(sent).toEqual(bytes('mine'));
    });

    test('ends one direction and goes on in the other', async () => {
      const [client, server] = await pair();
      client.stream.write([bytes('question')]);
      client.stream.end();
      client.stream.end();
      expect(client.stream.write([bytes('after the end')])).toBe(false);
      await world.until(() => server.ended);
      expect(server.text).toBe('question');
      expect(client.closed).toBeUndefined();
      server.stream.write([bytes('answer')]);
      server.stream.end();
      await world.until(() => client.closed !== undefined && server.closed !== undefined);
      expect([client.text, client.ended]).toEqual(['answer', true]);
      expect([client.closed, server.closed]).toEqual([null, null]);
      expect(server.stream.write([bytes('too late')])).toBe(false);
      server.stream.end();
      server.stream.destroy();
    });

    test('destroys: null on this side, and the other side notices', async () => {
      const [client, server] = await pair();
      client.stream.write([bytes('x')]);
      await world.until(() => server.text === 'x');
      client.stream.destroy();
      expect(client.closed).toBeUndefined();
      await world.until(() => client.closed !== undefined);
      expect(client.closed).toBeNull();
      await world.until(() => server.ended || server.closed !== undefined);
      // What is sent into a destroyed connection breaks it.
      const send = (): boolean => {
        server.stream.write([bytes('anyone?')]);
        return server.closed !== undefined;
      };
      await world.until(send);
      expect(server.closed === null || server.closed?.code === 'connection-reset').toBe(true);
    });

    test('backs up when the reader pauses, says so, and drains', async () => {
      const [client, server] = await pair();
      server.stream.pause();
      const piece = new Uint8Array(64 * 1024).fill(97);
      let sent = 0;
      do sent += piece.length;
      while (client.stream.write([piece]) || sent < 8 * 1024 * 1024);
      expect(client.stream.bufferedBytes).toBeGreaterThanOrEqual(64 * 1024);
      expect(client.drained).toBe(0);
      server.stream.resume();
      await world.until(() => server.receivedBytes === sent);
      await world.until(() => client.drained > 0);
      expect(client.stream.bufferedBytes).toBe(0);
      expect(client.drained).toBe(1);
      expect(client.stream.write([piece.subarray(0, 1)])).toBe(true);
    });

    test('cuts off a reader that is too slow for the buffer', async () => {
      const { listener, accepted } = await listen();
      const client = await connect(listener.address, { bufferedBytesMax: 512 * 1024 });
      await world.until(() => accepted.length === 1);
      accepted[0]!.stream.pause();
      const piece = new Uint8Array(256 * 1024);
      await world.until(() => {
        client.stream.write([piece]);
        return client.closed !== undefined;
      });
      expect(client.closed?.code).toBe('send-buffer-full');
    });

    test('delivers what was written before the end to a reader that comes late', async () => {
      const [client, server] = await pair();
      server.stream.pause();
      const much = new Uint8Array(1024 * 1024).fill(98);
      client.stream.write([much]);
      client.stream.end();
      expect(server.ended).toBe(false);
      server.stream.resume();
      await world.until(() => server.ended);
      expect(server.receivedBytes).toBe(much.length);
    });

    test('names why it cannot connect', async () => {
      const { listener } = await listen();
      const { address } = listener;
      await close(listener);
      expect(
        await failure(world, (end) => streams.connect({ address, timeoutMs: 30_000 }, end)),
      ).toBe('connection-refused');
      const unknown = { host: 'no-such-host.invalid', port: 1 };
      expect(
        await failure(world, (end) =>
          streams.connect({ address: unknown, timeoutMs: 30_000 }, end),
        ),
      ).toBe('name-not-resolved');
    });

    test('does not answer after being cancelled', async () => {
      const { listener, accepted } = await listen();
      let answered = false;
      const options = { address: listener.address, timeoutMs: 30_000 };
      const cancel = streams.connect(options, () => {
        answered = true;
      });
      cancel();
      cancel();
      const other = await connect(listener.address);
      other.stream.write([bytes('second')]);
      await world.until(() => accepted.some(({ text }) => text === 'second'));
      expect(answered).toBe(false);
    });

    test('lets connections live on when the listener closes, and frees its port', async () => {
      const { listener, accepted } = await listen();
      const client = await connect(listener.address);
      await world.until(() => accepted.length === 1);
      await close(listener);
      client.stream.write([bytes('still here')]);
      await world.until(() => accepted[0]!.text === 'still here');
      const again = await listen({ address: listener.address });
      expect(again.listener.address).toEqual(listener.address);
    });

    test('names an address that is taken, or not here', async () => {
      const { listener } = await listen();
      const events = { accepted: () => {} };
      const listenOn = (address: Address): Promise<string> =>
        failure(world, (end) => streams.listen({ address }, events, end));
      expect(await listenOn(listener.address)).toBe('address-in-use');
      expect(await listenOn({ host: '203.0.113.1', port: 0 })).toBe('address-unavailable');
    });

    test('turns connections away beyond the most that it may have', async () => {
      const { listener, accepted, refused } = await listen({ connectionsMax: 2 });
      const first = await connect(listener.address);
      await connect(listener.address);
      await world.until(() => accepted.length === 2);
      const third = await connect(listener.address);
      await world.until(() => third.closed !== undefined || third.ended);
      expect(accepted.length).toBe(2);
      expect(refused).toEqual(['too-many-connections']);
      // One that ends makes room for another.
      first.stream.destroy();
      accepted[0]!.stream.destroy();
      await world.until(() => accepted[0]!.closed !== undefined);
      await connect(listener.address);
      await world.until(() => accepted.length === 3);
    });

    test('resolves names and addresses', async () => {
      const resolve = (host: string): Promise<readonly string[] | QuorateError> =>
        outcome<readonly string[]>(world, (answer) => streams.resolve(host, answer));
      expect(await resolve('127.0.0.1')).toEqual(['127.0.0.1']);
      expect(await resolve('localhost')).toContain('127.0.0.1');
      expect(await resolve('no-such-host.invalid')).toHaveProperty('code', 'name-not-resolved');
      const { listener, accepted } = await listen();
      await connect({ host: 'localhost', port: listener.address.port });
      await world.until(() => accepted.length === 1);
    });

    test('takes misuse for a bug', async () => {
      const [client] = await pair();
      expect(() => client.stream.subscribe({ received() {}, closed() {} })).toThrow(AssertionError);
      const address = { host: '127.0.0.1', port: 1 };
      expect(() => streams.connect({ address, timeoutMs: 0 }, () => {})).toThrow(AssertionError);
    });
  });
}
