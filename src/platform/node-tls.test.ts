/** Security lines 2 to 4 of reliability.md, on the port itself. */
import fs from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { act, ask, untilReal } from '../../test/ports/harness.ts';
import { type Heard, hear } from '../../test/ports/streams-suite.ts';
import { patienceMs } from '../../test/processes/waiting.ts';
import { QuorateError } from '../base/errors.ts';
import type { ConnectTls, Credentials, Listener, ListenerTls } from '../ports/streams.ts';
import { NodeStreams } from './node-streams.ts';

const world = { until: untilReal };
const pem = (name: string): string =>
  fs.readFileSync(new URL(`../../test/ports/certificates/${name}.pem`, import.meta.url), 'utf8');
const authorities = [pem('authority')];
const identity = (name: string): Credentials => ({
  certificate: pem(name),
  key: pem(`${name}-key`),
  authorities,
});
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('TLS on Node', () => {
  const streams = new NodeStreams();
  let listener: Listener;
  let accepted: Heard[];
  let refused: string[];
  let heard: Heard[];
  beforeEach(() => {
    accepted = [];
    refused = [];
    heard = [];
  });
  afterEach(async () => {
    for (const { stream } of [...heard, ...accepted]) stream.destroy();
    await act(world, (done) => listener.close(done));
  });

  async function listen(wanted: Partial<ListenerTls> = {}, handshakeTimeoutMs = patienceMs) {
    const options = {
      address: { host: '127.0.0.1', port: 0 },
      tls: { credentials: identity('server'), clientCertificate: 'required' as const, ...wanted },
      handshakeTimeoutMs,
    };
    const events = {
      accepted: (stream: Heard['stream']) => {
        const from = hear(stream);
        accepted.push(from);
        from.stream.write([bytes('welcome')]);
      },
      refused: (error: QuorateError) => refused.push(error.code),
    };
    listener = await ask<Listener>(world, (answer) => streams.listen(options, events, answer));
  }

  /** What became of an attempt: `welcome`, or the code of an error on either side. */
  async function attempt(wanted: ConnectTls): Promise<string> {
    const outcomes: string[] = [];
    let own: Heard | undefined;
    const options = { address: listener.address, tls: wanted, timeoutMs: patienceMs };
    streams.connect(options, (answer) => {
      if (answer instanceof QuorateError) {
        outcomes.push(answer.code);
        return;
      }
      own = hear(answer);
      heard.push(own);
    });
    const before = refused.length;
    // In TLS 1.3 a client learns only after its handshake that it was turned away. If it was the
    // client that refused, the listener may know of that before it does.
    await world.until(() => {
      if (own?.text === 'welcome') outcomes.push('welcome');
      if (own !== undefined && refused.length > before) outcomes.push(`refused: ${refused.at(-1)}`);
      return outcomes.length > 0;
    });
    return outcomes[0]!;
  }

  test('tells each side who the other is, and what protocol they agreed on', async () => {
    await listen({ protocols: ['h2', 'http/1.1'] });
    const outcome = await attempt({
      credentials: identity('client'),
      serverName: 'a.example',
      protocols: ['quorate', 'http/1.1'],
    });
    expect(outcome).toBe('welcome');
    expect(heard[0]!.stream.protocol).toBe('http/1.1');
    expect(accepted[0]!.stream.protocol).toBe('http/1.1');
    expect(heard[0]!.stream.certificate).toMatchObject({
      commonName: 'server',
      names: ['localhost', 'a.example'],
      addresses: ['127.0.0.1'],
      usages: ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'],
    });
    expect(accepted[0]!.stream.certificate).toMatchObject({
      commonName: 'client',
      names: ['client.example'],
      addresses: ['10.1.2.3'],
      usages: ['1.3.6.1.5.5.7.3.2'],
    });
    expect(accepted[0]!.stream.certificate?.fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  });

  test('a client without a certificate is served only where none is asked for', async () => {
    await listen();
    expect(await attempt({ credentials: { authorities } })).toBe('refused: tls-failed');
    await act(world, (done) => listener.close(done));
    await listen({ clientCertificate: 'none' });
    expect(await attempt({ credentials: { authorities } })).toBe('welcome');
    expect(accepted[0]!.stream.certificate).toBeNull();
  });

  test.each(['foreign', 'expired', 'revoked'])('a client that is %s is refused', async (name) => {
    const credentials = { ...identity('server'), revocationLists: [pem('revoked-list')] };
    await listen({ credentials });
    expect(await attempt({ credentials: identity(name) })).toBe('refused: tls-failed');
    expect(await attempt({ credentials: identity('client') })).toBe('welcome');
    expect(accepted.length).toBe(1);
  });

  test.each(['foreign', 'expired', 'revoked', 'elsewhere'])(
    'a listener that is %s is refused',
    async (name) => {
      await listen({ credentials: identity(name) });
      const credentials = { ...identity('client'), revocationLists: [pem('revoked-list')] };
      expect(await attempt({ credentials })).toBe('tls-failed');
      expect(accepted.length).toBe(0);
    },
  );

  test('a listener by another name is refused, also one by its address', async () => {
    await listen();
    const credentials = identity('client');
    expect(await attempt({ credentials, serverName: 'b.example' })).toBe('tls-failed');
    expect(await attempt({ credentials, serverName: '10.9.9.9' })).toBe('tls-failed');
    expect(await attempt({ credentials, serverName: '127.0.0.1' })).toBe('welcome');
  });

  test('a certificate that is for clients only does not serve', async () => {
    await listen({ credentials: identity('client') });
    const tried = { credentials: identity('server'), serverName: 'client.example' };
    expect(await attempt(tried)).toBe('tls-failed');
  });

  test('new credentials and revocations hold from the next handshake on', async () => {
    const lists = { revocationLists: [pem('revoked-none')] };
    await listen({ credentials: { ...identity('server'), ...lists } });
    const leaver = { credentials: identity('revoked') };
    expect(await attempt(leaver)).toBe('welcome');
    listener.reload({ ...identity('renewed'), revocationLists: [pem('revoked-list')] });
    expect(await attempt(leaver)).toBe('refused: tls-failed');
    expect(await attempt({ credentials: identity('client') })).toBe('welcome');
    expect(heard.at(-1)!.stream.certificate?.commonName).toBe('renewed');
    heard[0]!.stream.write([bytes('old connections live on')]);
    await world.until(() => accepted[0]!.text !== '');
    const unusable = (): void => listener.reload({ certificate: 'nonsense', key: 'nonsense' });
    expect(unusable).toThrow(QuorateError);
    expect(await attempt({ credentials: identity('client') })).toBe('welcome');
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'a session of %s is never resumed, so that a revoked client cannot come back with it',
    async (maxVersion) => {
      await listen();
      const { certificate: cert, key } = identity('client');
      const connectOnce = async (resumed?: Buffer): Promise<[boolean, Buffer]> => {
        const more = resumed === undefined ? {} : { session: resumed };
        const trust = { cert, key, ca: authorities, maxVersion };
        const socket = tls.connect({ ...listener.address, ...trust, ...more });
        let session: Buffer | undefined;
        let welcomed = false;
        socket.on('session', (given: Buffer) => {
          session = given;
        });
        socket.on('data', () => {
          welcomed = true;
        });
        await world.until(() => welcomed && session !== undefined);
        const reused = socket.isSessionReused();
        socket.destroy();
        return [reused, session!];
      };
      const [, session] = await connectOnce();
      const [reused] = await connectOnce(session);
      expect(reused).toBe(false);
    },
  );

  test('old versions are refused', async () => {
    await listen({ clientCertificate: 'none' });
    const failed = await new Promise<string>((resolve) => {
      const socket = tls.connect({
        ...listener.address,
        ca: authorities,
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      });
      socket.on('secureConnect', () => resolve('connected'));
      socket.on('error', () => resolve('refused'));
    });
    expect(failed).toBe('refused');
    await world.until(() => refused.length === 1);
  });

  test('a client that never finishes its handshake is cut off', async () => {
    await listen({}, 50);
    const socket = net.connect(listener.address.port, listener.address.host);
    socket.on('error', () => {});
    let closed = false;
    socket.on('close', () => {
      closed = true;
    });
    await world.until(() => closed);
    expect(refused).toEqual(['handshake-timeout']);
  });

  test('plain bytes are refused', async () => {
    await listen();
    const socket = net.connect(listener.address.port, listener.address.host);
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await world.until(() => refused.length === 1);
    socket.destroy();
    expect(refused).toEqual(['tls-failed']);
  });

  test('unusable credentials are named before anything is sent', async () => {
    const credentials = { certificate: 'nonsense', key: 'nonsense' };
    await listen();
    expect(await attempt({ credentials })).toBe('tls-failed');
    const answers: string[] = [];
    const options = {
      address: { host: '127.0.0.1', port: 0 },
      tls: { credentials, clientCertificate: 'none' as const },
    };
    streams.listen(options, { accepted: () => {} }, (answer) => {
      answers.push(answer instanceof QuorateError ? answer.code : 'listening');
    });
    await world.until(() => answers.length > 0);
    expect(answers).toEqual(['tls-failed']);
  });
});
