/** What every {@link Packets} does on a network that loses nothing. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AssertionError } from '../../src/base/assert.ts';
import { type PacketSocket, type Packets, packetBytesMax } from '../../src/ports/packets.ts';
import type { Address } from '../../src/ports/streams.ts';
import { act, ask, failure, type Harness, isPlain, type MakeHarness } from './harness.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array): string => new TextDecoder().decode(content);
const anyPort: Address = { host: '127.0.0.1', port: 0 };

/** Registers the suite. */
export function packetsSuite(name: string, make: MakeHarness<Packets>): void {
  describe(`packets port: ${name}`, () => {
    let world: Harness<Packets>;
    let packets: Packets;
    let bound: PacketSocket[];
    beforeEach(async () => {
      world = await make();
      packets = world.port;
      bound = [];
    });
    afterEach(async () => {
      for (const socket of bound) socket.close();
      await world.close();
    });

    type Received = { bytes: Uint8Array; from: Address }[];
    async function bind(received: Received = []): Promise<PacketSocket> {
      const events = {
        received: (content: Uint8Array, from: Address) => {
          expect(isPlain(content)).toBe(true);
          received.push({ bytes: content, from });
        },
      };
      const socket = await ask<PacketSocket>(world, (answer) =>
        packets.bind(anyPort, events, answer),
      );
      bound.push(socket);
      return socket;
    }

    test('carries packets both ways, and says from where', async () => {
      const atA: Received = [];
      const atB: Received = [];
      const a = await bind(atA);
      const b = await bind(atB);
      expect(a.address.host).toBe('127.0.0.1');
      expect(a.address.port).toBeGreaterThan(0);
      expect(b.address.port).not.toBe(a.address.port);
      await act(world, (done) => a.send(bytes('ping'), b.address, done));
      await world.until(() => atB.length === 1);
      expect(text(atB[0]!.bytes)).toBe('ping');
      expect(atB[0]!.from).toEqual(a.address);
      b.send(bytes('pong'), atB[0]!.from);
      await world.until(() => atA.length === 1);
      expect(text(atA[0]!.bytes)).toBe('pong');
    });

    test('keeps packets apart, also empty and the largest', async () => {
      const received: Received = [];
      const a = await bind();
      const b = await bind(received);
      const largest = new Uint8Array(packetBytesMax).fill(7);
      await act(world, (done) => a.send(new Uint8Array(0), b.address, done));
      await act(world, (done) => a.send(largest, b.address, done));
      await world.until(() => received.length === 2);
      const sizes = received.map((packet) => packet.bytes.length).sort((x, y) => x - y);
      expect(sizes).toEqual([0, packetBytesMax]);
      const whole = received.find((packet) => packet.bytes.length > 0)!;
      expect(Buffer.compare(whole.bytes, largest)).toBe(0);
    });

    test('refuses a packet that is too large', async () => {
      const a = await bind();
      const b = await bind();
      const large = new Uint8Array(packetBytesMax + 1);
      expect(await failure(world, (end) => a.send(large, b.address, end))).toBe('packet-too-large');
      a.send(large, b.address);
    });

    test('gives the receiver bytes of its own', async () => {
      const received: Received = [];
      const a = await bind();
      const b = await bind(received);
      const sent = bytes('mine');
      await act(world, (done) => a.send(sent, b.address, done));
      await world.until(() => received.length === 1);
      received[0]!.bytes.fill(0);
      expect(text(sent)).toBe('mine');
    });

    test('sends to where nobody listens without an error that matters', async () => {
      const gone = await bind();
      await act(world, (done) => gone.close(done));
      const received: Received = [];
      const a = await bind(received);
      const b = await bind();
      for (let time = 0; time < 3; time++) {
        await act(world, (done) => a.send(bytes('anyone?'), gone.address, done));
      }
      await act(world, (done) => b.send(bytes('here'), a.address, done));
      await world.until(() => received.length === 1);
    });

    test('names an address that is taken, or not here', async () => {
      const a = await bind();
      const events = { received: () => {} };
      expect(await failure(world, (end) => packets.bind(a.address, events, end))).toBe(
        'address-in-use',
      );
      const elsewhere = { host: '203.0.113.1', port: 0 };
      expect(await failure(world, (end) => packets.bind(elsewhere, events, end))).toBe(
        'address-unavailable',
      );
    });

    test('frees the port on closing, and drops what is sent afterwards', async () => {
      const a = await bind();
      await act(world, (done) => a.close(done));
      a.close();
      const again = await ask<PacketSocket>(world, (answer) =>
        packets.bind(a.address, { received: () => {} }, answer),
      );
      bound.push(again);
      await act(world, (done) => a.send(bytes('late'), again.address, done));
    });

    test('takes a name for a bug', async () => {
      const a = await bind();
      const named = { host: 'localhost', port: 1 };
      expect(() => a.send(bytes('x'), named)).toThrow(AssertionError);
      expect(() => packets.bind(named, { received: () => {} }, () => {})).toThrow(AssertionError);
    });
  });
}
