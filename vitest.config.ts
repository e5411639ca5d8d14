import { defineConfig } from 'vitest/config';

/**
 * Which tests run is a matter of the tier, which the runner names: `test` by default, `ci` with
 * the longer ones added, `soak` for those that go on as long as they are told.
 */
const tier = process.env.QUORATE_TIER ?? 'test';
const folders = '{src,test,systems}';
const soak = `${folders}/**/*.soak.test.ts`;
const ci = `${folders}/**/*.ci.test.ts`;
const soakMinutes = Number(process.env.QUORATE_SOAK_MINUTES ?? '10');

export default defineConfig({
  test: {
    include: tier === 'soak' ? [soak] : [`${folders}/**/*.test.ts`],
    exclude: tier === 'soak' ? [] : tier === 'ci' ? [soak] : [soak, ci],
    pool: 'forks',
    // Many tests wait for processes and clocks: one worker more than the two cores leaves none idle.
    maxWorkers: 3,
    // What a test prints helps where it fails, and is in the way where it passes.
    silent: 'passed-only',
    // A test narrowed by `only` hides the others, and must not pass for all of them.
    allowOnly: !process.env.QUORATE_TEST_RESULTS,
    testTimeout: tier === 'soak' ? 2 * soakMinutes * 60_000 : 180_000,
    hookTimeout: 180_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['**/*.test.ts'],
      reporter: ['text', 'json-summary'],
    },
  },
});
