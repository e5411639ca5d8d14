import { expect, test } from 'vitest';
import type { GossipConfig } from './api.ts';
import { resolveConfig } from './config.ts';

test('says nothing, gets a member on loopback with the settings of a LAN', () => {
  const config = resolveConfig({}, 'machine');
  expect(config).toMatchObject({
    name: 'machine',
    bind: { host: '127.0.0.1', port: 7946 },
    advertise: { host: '127.0.0.1', port: 7946 },
    rpc: undefined,
    warnings: [],
    settings: { probeIntervalMs: 1_000 },
  });
});

test('single settings replace those of the preset', () => {
  const { settings } = resolveConfig({ preset: 'wan', settings: { gossipNodes: 7 } }, 'm');
  expect(settings).toMatchObject({ gossipNodes: 7, probeIntervalMs: 5_000 });
});

const invalid: GossipConfig[] = [
  { name: '' },
  { name: 'x'.repeat(129) },
  { preset: '__proto__' as 'lan' },
  { bind: '0.0.0.0:1' },
  { bind: 'what is this' },
  { key: 'c2hvcnQ=' },
  { key: new Uint8Array(17) },
  { settings: { probeTimeoutMs: 2_000 } },
  { retryJoin: { addresses: ['a'], intervalMs: 0 } },
  { values: { bytesMax: 2 ** 40 } },
  { values: { entriesMax: Number.NaN } },
];
test.each(invalid)('%j is refused', (config) => {
  expect(() => resolveConfig(config, 'm')).toThrow(
    expect.objectContaining({ code: 'invalid-config' }),
  );
});

test('addresses beyond loopback without encryption are warned of, or refused', () => {
  const bind = '10.0.0.1:7946';
  expect(resolveConfig({ bind }, 'm').warnings).toHaveLength(1);
  expect(resolveConfig({ bind, key: new Uint8Array(32) }, 'm').warnings).toEqual([]);
  const strict = { strictSecurity: true };
  expect(() => resolveConfig({ bind, ...strict }, 'm')).toThrow(
    expect.objectContaining({ code: 'insecure-listener' }),
  );
  expect(() => resolveConfig({ rpc: '10.0.0.1:7373', ...strict }, 'm')).toThrow('no auth key');
  expect(resolveConfig({ bind, key: new Uint8Array(32), ...strict }, 'm').warnings).toEqual([]);
});
