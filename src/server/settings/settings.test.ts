import { describe, expect, test } from 'vitest';
import { readSettings } from './settings.ts';

const read = (
  args: string[] = [],
  env: Record<string, string> = {},
  files: Record<string, string> = {},
) => readSettings({ args, env, readFile: async (path) => files[path] ?? Promise.reject(path) });

describe('settings', () => {
  test("etcd's defaults", async () => {
    expect(await read()).toMatchObject({
      name: 'default',
      dataDir: 'default.etcd',
      listenClient: [{ address: { host: 'localhost', port: 2379 }, secure: false }],
      advertiseClientUrls: ['http://localhost:2379'],
      initialCluster: [{ name: 'default', url: 'http://localhost:2380' }],
      initialClusterState: 'new',
      heartbeatIntervalMs: 100,
      electionTimeoutMs: 1000,
      requestBytesMax: 1_572_864,
      keepAliveIntervalMs: 7_200_000,
      autoCompaction: undefined,
      warnings: [],
    });
  });

  test('--flag v, --flag=v, -flag, and switches with and without a value', async () => {
    const settings = await read([
      '--name',
      'a',
      '--data-dir=/d',
      '-initial-cluster',
      'a=http://localhost:2380,b=http://10.0.0.2:2380',
      '--strict-security',
      '--enable-grpc-gateway=false',
      '--auto-compaction-retention',
      '1',
    ]);
    expect(settings).toMatchObject({
      name: 'a',
      dataDir: '/d',
      initialCluster: [{ name: 'a' }, { name: 'b', url: 'http://10.0.0.2:2380' }],
      strictSecurity: true,
      gateway: false,
      autoCompaction: { mode: 'periodic', retention: 3_600_000 },
    });
  });

  test('the environment with either prefix; both in flag and environment is fatal', async () => {
    expect((await read([], { ETCD_MAX_TXN_OPS: '7' })).txnOperationsMax).toBe(7);
    expect((await read([], { QUORATE_MAX_TXN_OPS: '8' })).txnOperationsMax).toBe(8);
    await expect(read(['--max-txn-ops=7'], { ETCD_MAX_TXN_OPS: '7' })).rejects.toThrow(
      'conflicting environment variable "ETCD_MAX_TXN_OPS" is shadowed',
    );
    await expect(read([], { ETCD_MAX_TXN_OPS: '7', QUORATE_MAX_TXN_OPS: '8' })).rejects.toThrow(
      'contradict',
    );
    expect((await read([], { ETCD_NONSENSE: 'x' })).warnings).toEqual([
      'unrecognized environment variable ETCD_NONSENSE',
    ]);
  });

  test('a configuration file in YAML or JSON, with its sections; flags beside it do not count', async () => {
    const yaml = `
name: c
initial-cluster: c=http://localhost:2380
max-request-bytes: 1000000
client-transport-security:
  cert-file: /c.pem
  key-file: /k.pem
  trusted-ca-file: /ca.pem
`;
    const settings = await read(['--config-file=f', '--name=other'], {}, { f: yaml });
    expect(settings).toMatchObject({
      name: 'c',
      requestBytesMax: 1_000_000,
      clientTls: {
        certificatePath: '/c.pem',
        authorityPath: '/ca.pem',
        clientCertificateRequired: true,
      },
    });
    expect(settings.warnings[0]).toContain('do not count');
    const json = '{"name":"d","enable-grpc-gateway":false}';
    expect(await read([], { ETCD_CONFIG_FILE: 'f' }, { f: json })).toMatchObject({
      name: 'd',
      gateway: false,
    });
    // As in etcd; but where somebody could believe to be protected it is an error.
    const loose = await read(['--config-file=f'], {}, { f: 'nonsense: 1\ndata-dir:' });
    expect(loose).toMatchObject({ dataDir: 'default.etcd' });
    expect(loose.warnings).toEqual(['f: unknown setting "nonsense"']);
    const typo = 'client-transport-security:\n  client-cert-aut: true';
    await expect(read(['--config-file=f'], {}, { f: typo })).rejects.toThrow('client-cert-aut');
    await expect(read(['--config-file=f'], {}, { f: 'name: [{}]' })).rejects.toThrow('name');
    await expect(read(['--config-file=f'], {}, { f: ': :' })).rejects.toThrow('f:');
  });

  test.each([
    [['--unknown'], 'flag provided but not defined: -unknown'],
    [['--name'], 'flag needs an argument: -name'],
    [['serve'], 'not a valid flag'],
    [['--max-txn-ops=many'], 'invalid value "many"'],
    [['--max-txn-ops=-1'], 'invalid value "-1"'],
    [['--strict-security=perhaps'], 'invalid boolean value'],
    [['--election-timeout=400'], 'should be at least as 5 times'],
    [['--initial-cluster=b=http://localhost:2380'], "couldn't find local name"],
    [['--initial-cluster=default=http://h:1'], 'missing from'],
    [['--listen-client-urls=localhost:2379'], 'listen-client-urls'],
    [['--listen-client-urls=https://localhost:2379'], 'https needs'],
    [['--cert-file=x'], 'must both be present'],
    [['--grpc-keepalive-interval=5'], 'is no duration'],
    [['--initial-cluster-state=old'], 'initial-cluster-state'],
    [['--listen-metrics-urls=https://localhost:1'], 'must be provided for metrics secure url'],
    [['--discovery-endpoints=http://localhost:1'], 'there are no discovery services'],
    [['--v2-deprecation=not-yet'], 'invalid value "not-yet" for flag -v2-deprecation'],
    [['--tls-min-version=TLS1.1'], 'unexpected TLS version'],
    [['--tls-min-version=TLS1.3', '--tls-max-version=TLS1.2'], 'is greater than max version'],
    [['--cert-file=c', '--key-file=k', '--client-cert-allowed-hostname=h'], 'need trusted-ca-file'],
    [['--peer-cert-file=c', '--peer-key-file=k', '--peer-client-cert-file=d'], 'when they dial'],
    [
      ['--experimental-warning-unary-request-duration=1s', '--warning-unary-request-duration=1s'],
      'cannot set --experimental-warning-unary-request-duration and --warning-unary-request',
    ],
  ])('%j is refused', async (args, message) => {
    await expect(read(args)).rejects.toThrow(message);
  });

  test('flags that etcd once called experimental have both names', async () => {
    const args = ['--experimental-watch-progress-notify-interval=3s', '--discovery='];
    expect(await read(args)).toMatchObject({ progressNotifyIntervalMs: 3_000, warnings: [] });
  });

  test('durations as Go writes them', async () => {
    const tell = async (text: string) =>
      (await read([`--warning-unary-request-duration=${text}`])).slowRequestMs;
    expect(await Promise.all(['1µs', '1us', '1.5s', '1h2m3s', '0'].map(tell))).toEqual([
      0.001, 0.001, 1_500, 3_723_000, 0,
    ]);
  });

  test('what was given is told, but for secrets', async () => {
    const { given } = await read([
      '--name=a',
      '--initial-cluster-token=t',
      '--initial-cluster=a=http://localhost:2380',
      '--max-wals=3',
    ]);
    expect(given).toEqual({
      name: 'a',
      'initial-cluster': 'a=http://localhost:2380',
      'max-wals': 3,
    });
  });

  test('flags that have no meaning here are taken, and it is said', async () => {
    expect((await read(['--enable-v2', '--snapshot-count=5'])).warnings).toEqual([
      '--enable-v2 has no effect: there is no v2 API',
      "--snapshot-count has no effect: Quorate's log has its own files and sizes",
    ]);
  });
});
