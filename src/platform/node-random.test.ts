import { expect, test } from 'vitest';
import { randomSuite } from '../../test/ports/random-suite.ts';
import { nodeRandom } from './node-random.ts';

randomSuite('Node', nodeRandom);

test('each process draws other numbers', () => {
  const first = new Set(Array.from({ length: 50 }, () => nodeRandom().fraction()));
  expect(first.size).toBe(50);
});
