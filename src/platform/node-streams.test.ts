import net from 'node:net';
import { expect, test } from 'vitest';
import { failure, untilReal } from '../../test/ports/harness.ts';
import { streamsSuite } from '../../test/ports/streams-suite.ts';
import { NodeStreams } from './node-streams.ts';

streamsSuite('Node', async () => ({
  port: new NodeStreams(),
  until: untilReal,
  close: async () => {},
}));

test('gives up connecting in time', async () => {
  // A listener whose queue of one is full answers no further SYN; the TLS side waits for a hello.
  const silent = net.createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as net.AddressInfo;
  const options = {
    address: { host: '127.0.0.1', port },
    tls: { credentials: {} },
    timeoutMs: 100,
  };
  const streams = new NodeStreams();
  const code = await failure({ until: untilReal }, (end) => streams.connect(options, end));
  expect(code).toBe('connection-timeout');
  silent.close();
});
