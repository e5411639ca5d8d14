/** The conformance suites of all ports, on a simulated node: the same that the real ports pass. */
import { clockSuite } from '../../test/ports/clock-suite.ts';
import { cryptoSuite } from '../../test/ports/crypto-suite.ts';
import { diskSuite } from '../../test/ports/disk-suite.ts';
import type { Harness } from '../../test/ports/harness.ts';
import { packetsSuite } from '../../test/ports/packets-suite.ts';
import { randomSuite } from '../../test/ports/random-suite.ts';
import { storeSuite } from '../../test/ports/store-suite.ts';
import { streamsSuite } from '../../test/ports/streams-suite.ts';
import type { Ports } from '../ports/ports.ts';
import type { NodeOptions } from './sim-node.ts';
import { World } from './world.ts';

let seed = 0;

function simulated<Name extends keyof Ports>(
  name: Name,
  options: NodeOptions = {},
): () => Promise<Harness<Ports[Name]>> {
  return async () => {
    const world = new World({ seed: ++seed, trap: true });
    const node = world.node('a', options);
    return {
      port: node.ports[name],
      until: async (condition, limitMs = 5_000) => world.runUntil(condition, { limitMs }),
      close: async () => node.crash(),
    };
  };
}

clockSuite('simulated', simulated('clock'));
randomSuite('simulated', () => new World({ seed: ++seed }).node('a').ports.random);
cryptoSuite('simulated', simulated('crypto'));
diskSuite('simulated', simulated('disk'));
diskSuite('simulated, as on Windows', simulated('disk', { profile: 'windows' }));
packetsSuite('simulated', simulated('packets'));
storeSuite('simulated', simulated('stores'));
streamsSuite('simulated', simulated('streams'));
