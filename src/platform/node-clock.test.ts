import { clockSuite } from '../../test/ports/clock-suite.ts';
import { untilReal } from '../../test/ports/harness.ts';
import { NodeClock } from './node-clock.ts';

clockSuite('Node', async () => ({
  port: new NodeClock(),
  until: untilReal,
  close: async () => {},
}));
