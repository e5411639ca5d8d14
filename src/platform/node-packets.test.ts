import { untilReal } from '../../test/ports/harness.ts';
import { packetsSuite } from '../../test/ports/packets-suite.ts';
import { NodePackets } from './node-packets.ts';

packetsSuite('Node', async () => ({
  port: new NodePackets(),
  until: untilReal,
  close: async () => {},
}));
