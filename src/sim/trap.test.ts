import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { AssertionError } from '../base/assert.ts';
import { trapNondeterminism } from './trap.ts';
import { World } from './world.ts';

describe('the trap', () => {
  let release = (): void => {};
  afterEach(() => release());

  test.each<[string, () => unknown]>([
    ['Date.now', () => Date.now()],
    ['new Date()', () => new Date()],
    ['Date()', () => Date()],
    ['Math.random', () => Math.random()],
    ['performance.now', () => performance.now()],
    ['process.hrtime', () => process.hrtime()],
    ['process.hrtime.bigint', () => process.hrtime.bigint()],
    ['setTimeout', () => setTimeout(() => {}, 0)],
    ['setInterval', () => setInterval(() => {}, 1_000)],
    ['setImmediate', () => setImmediate(() => {})],
    ['crypto.getRandomValues', () => crypto.getRandomValues(new Uint8Array(1))],
    ['crypto.randomUUID', () => crypto.randomUUID()],
    ['an import of node:crypto', () => randomBytes(1)],
    ['an import of node:fs', () => readFileSync('/dev/null')],
  ])('catches %s', (_name, use) => {
    release = trapNondeterminism();
    let caught: unknown;
    try {
      use();
    } catch (error) {
      caught = error;
    }
    release();
    expect(caught).toBeInstanceOf(AssertionError);
    expect(String(caught)).toMatch(/was used within a simulation/);
    // And lets go again.
    const undo = use();
    if (typeof undo === 'object') clearTimeout(undo as NodeJS.Timeout);
  });

  test('leaves calendars alone', () => {
    release = trapNondeterminism();
    const date = new Date(0);
    const utc = Date.UTC(2026, 0);
    release();
    expect(date.toISOString()).toBe('1970-01-01T00:00:00.000Z');
    expect(date).toBeInstanceOf(Date);
    expect(utc).toBe(1_767_225_600_000);
  });

  test('may be set within a trap, and is lifted by the last', () => {
    const outer = trapNondeterminism();
    const inner = trapNondeterminism();
    inner();
    inner();
    let caught = false;
    try {
      Math.random();
    } catch {
      caught = true;
    }
    outer();
    expect(caught).toBe(true);
    expect(Math.random()).toBeLessThan(1);
  });

  test('names the node that went around its ports', () => {
    const world = new World({ seed: 1, trap: true });
    world.node('a').run(({ clock }) => {
      clock.after(5, () => void Date.now());
    });
    expect(() => world.runFor(10)).toThrow(/a: timer: .*Date\.now was used.*seed 1/);
    expect(Date.now()).toBeGreaterThan(0);
  });

  test('is set while promises settle, too', async () => {
    const world = new World({ seed: 1, trap: true });
    let caught: unknown;
    world.node('a').run(({ clock }) => {
      const sleep = new Promise<void>((resolve) => clock.after(5, resolve));
      sleep
        .then(() => Math.random())
        .catch((error: unknown) => {
          caught = error;
        });
    });
    await world.settleUntil(() => caught !== undefined, { limitMs: 100 });
    expect(String(caught)).toMatch(/Math\.random was used/);
  });
});
