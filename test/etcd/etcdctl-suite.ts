/** What operators do with etcdctl 3.4, against any server of etcd's protocol. */
import { describe, expect, test } from 'vitest';
import type { Etcdctl } from './etcdctl.ts';

/** Describes the suite: everything that needs one endpoint and leaves the members alone. */
export function etcdctlSuite(name: string, given: () => Etcdctl): void {
  describe(name, () => {
    const ctl = new Proxy({} as Etcdctl, {
      get: (_none, member) => {
        const found = given();
        const value: unknown = Reflect.get(found, member, found);
        return typeof value === 'function' ? value.bind(found) : value;
      },
    });
    const json = async (...args: string[]) => JSON.parse(await ctl.run(...args, '-w', 'json'));
    const revisionNow = async (): Promise<number> => (await json('get', '-')).header.revision;

    test('put and get with all its options', async () => {
      for (const [key, value] of [
        ['g/a', '3'],
        ['g/b', '1'],
        ['g/c', '2'],
        ['h', 'x'],
      ]) {
        expect(await ctl.run('put', key!, value!)).toBe('OK\n');
      }
      expect(await ctl.run('get', 'g/a')).toBe('g/a\n3\n');
      expect(await ctl.run('get', 'none')).toBe('');
      expect(await ctl.run('get', '--prefix', 'g/')).toBe('g/a\n3\ng/b\n1\ng/c\n2\n');
      expect(await ctl.run('get', 'g/a', 'g/c')).toBe('g/a\n3\ng/b\n1\n');
      expect(await ctl.run('get', '--from-key', 'g/c', '--limit=2')).toBe('g/c\n2\nh\nx\n');
      expect(await ctl.run('get', '--prefix', 'g/', '--keys-only')).toBe('g/a\n\ng/b\n\ng/c\n\n');
      expect(await ctl.run('get', '--prefix', 'g/', '--print-value-only')).toBe('3\n1\n2\n');
      const sorted = ['--sort-by=value', '--order=descend', '--keys-only'];
      expect(await ctl.run('get', '--prefix', 'g/', ...sorted)).toBe('g/a\n\ng/c\n\ng/b\n\n');
      const fields = await ctl.run('get', '--prefix', 'g/', '--limit=1', '-w', 'fields');
      expect(fields).toContain('"More" : true');
      expect(fields).toContain('"Count" : 3');
      expect(await ctl.run('get', 'g/a', '--consistency=s')).toBe('g/a\n3\n');
      const revision = await revisionNow();
      await ctl.run('put', 'g/a', 'new');
      expect(await ctl.run('get', 'g/a', `--rev=${revision}`)).toBe('g/a\n3\n');
      expect(await ctl.fail('get', 'g/a', '--rev=999999')).toContain(
        'etcdserver: mvcc: required revision is a future revision',
      );
      expect(await ctl.run('put', 'g/a', 'newer', '--prev-kv')).toBe('OK\ng/a\nnew\n');
      expect(await ctl.run('put', 'g/a', '--ignore-value')).toBe('OK\n');
      expect(await ctl.fail('put', 'g/none', '--ignore-value')).toContain(
        'etcdserver: key not found',
      );
      expect(await ctl.run('get', 'g/a', '--hex')).toBe(
        '\\x67\\x2f\\x61\n\\x6e\\x65\\x77\\x65\\x72\n',
      );
    });

    test('del', async () => {
      for (const key of ['d/1', 'd/2', 'd/3', 'e']) await ctl.run('put', key, key);
      expect(await ctl.run('del', 'd/1')).toBe('1\n');
      expect(await ctl.run('del', 'd/1')).toBe('0\n');
      expect(await ctl.run('del', 'd/2', '--prev-kv')).toBe('1\nd/2\nd/2\n');
      expect(await ctl.run('del', '--prefix', 'd/')).toBe('1\n');
      expect(await ctl.run('del', 'e', 'f')).toBe('1\n');
      expect(await ctl.fail('del', '')).toContain('etcdserver: key is not provided');
    });

    test('txn', async () => {
      await ctl.run('put', 't', 'before');
      const won = await ctl.try(
        ['txn'],
        'value("t") = "before"\n\nput t after\nget t\n\nget t\n\n',
      );
      expect(won).toMatchObject({ code: 0, out: 'SUCCESS\n\nOK\n\nt\nafter\n' });
      const lost = await ctl.try(['txn'], 'ver("t") > "9"\n\nput t x\n\nget t\n\n');
      expect(lost).toMatchObject({ code: 0, out: 'FAILURE\n\nt\nafter\n' });
      const twice = await ctl.try(['txn'], '\nput t 1\nput t 2\n\n\n');
      expect(twice.err).toContain('etcdserver: duplicate key given in txn request');
      const conditions = 'mod("t") > "1"\ncreate("t") > "1"\n\nget t\n\n\n';
      expect(await ctl.try(['txn'], conditions)).toMatchObject({ out: 'SUCCESS\n\nt\nafter\n' });
    });

    test('watch: history, prefix, prev-kv, interactive, compacted', async () => {
      await ctl.run('put', 'w/0', 'zero');
      const revision = await revisionNow();
      await ctl.run('put', 'w/1', 'one');
      await ctl.run('put', 'w/1', 'two');
      await ctl.run('del', 'w/1');
      const past = ctl.follow('watch', '--prefix', 'w/', `--rev=${revision + 1}`, '--prev-kv');
      await past.says('DELETE\nw/1\ntwo\nw/1\n');
      await ctl.run('put', 'w/2', 'three');
      await past.says('w/2\nthree\n');
      expect(await past.stop()).toBe(
        'PUT\nw/1\none\nPUT\nw/1\none\nw/1\ntwo\nDELETE\nw/1\ntwo\nw/1\n\nPUT\nw/2\nthree\n',
      );
      const interactive = ctl.follow('watch', '-i');
      interactive.type('watch w/3\nwatch --prefix v/\nprogress\n');
      await interactive.says(/progress notify: \d+/);
      await ctl.run('put', 'v/1', 'there');
      await interactive.says('PUT\nv/1\nthere\n');
      await interactive.stop();
      expect(await ctl.run('compaction', String(await revisionNow()))).toMatch(
        /^compacted revision/,
      );
      const gone = await ctl.try(['watch', 'w/1', `--rev=${revision}`]);
      expect(gone.err).toContain('mvcc: required revision has been compacted');
    });

    test('compaction', async () => {
      await ctl.run('put', 'c', '1');
      const revision = await revisionNow();
      await ctl.run('put', 'c', '2');
      const now = await revisionNow();
      expect(await ctl.run('compaction', '--physical', String(now))).toBe(
        `compacted revision ${now}\n`,
      );
      expect(await ctl.fail('compaction', String(now))).toContain(
        'etcdserver: mvcc: required revision has been compacted',
      );
      expect(await ctl.fail('compaction', '999999')).toContain('is a future revision');
      expect(await ctl.fail('get', 'c', `--rev=${revision}`)).toContain('has been compacted');
      expect(await ctl.run('get', 'c', `--rev=${now}`)).toBe('c\n2\n');
    });

    test('leases: grant, keep-alive, timetolive, list, revoke', async () => {
      const granted = await ctl.run('lease', 'grant', '100');
      const [, id] = /^lease ([0-9a-f]+) granted with TTL\(100s\)\n$/.exec(granted)!;
      await ctl.run('put', 'l', 'leased', `--lease=${id}`);
      expect(await ctl.run('lease', 'timetolive', id!, '--keys')).toMatch(
        new RegExp(
          `^lease ${id} granted with TTL\\(100s\\), remaining\\(\\d+s\\), attached keys\\(\\[l\\]\\)`,
        ),
      );
      expect(await ctl.run('lease', 'list')).toContain(id);
      const kept = await ctl.run('lease', 'keep-alive', '--once', id!);
      expect(kept).toBe(`lease ${id} keepalived with TTL(100)\n`);
      expect(await ctl.run('lease', 'revoke', id!)).toBe(`lease ${id} revoked\n`);
      expect(await ctl.run('get', 'l')).toBe('');
      expect(await ctl.fail('lease', 'revoke', id!)).toContain(
        'etcdserver: requested lease not found',
      );
      expect(await ctl.run('lease', 'timetolive', id!)).toBe(`lease ${id} already expired\n`);
      expect(await ctl.fail('put', 'l', 'x', '--lease=77')).toContain('requested lease not found');
    });

    test('a lease that nobody keeps alive ends, and its keys with it', async () => {
      const [, id] = /^lease ([0-9a-f]+)/.exec(await ctl.run('lease', 'grant', '2'))!;
      const watch = ctl.follow('watch', 'short');
      await ctl.run('put', 'short', 'x', `--lease=${id}`);
      await watch.says('DELETE\nshort\n');
      await watch.stop();
    });

    test('lock: one holds it, the next waits', async () => {
      const first = ctl.follow('lock', 'mutex');
      await first.says(/^mutex\/[0-9a-f]+\n/);
      const second = ctl.follow('lock', 'mutex', 'echo', 'mine');
      await first.stop('SIGTERM');
      await second.says('mine\n');
      await second.stop();
    });

    test('elect: one leads, observers see it, the next follows', async () => {
      const first = ctl.follow('elect', 'post', 'one');
      await first.says(/^post\/[0-9a-f]+\none\n/);
      const observer = ctl.follow('elect', '--listen', 'post');
      await observer.says('one\n');
      const second = ctl.follow('elect', 'post', 'two');
      await first.stop();
      await second.says('two\n');
      await observer.says('two\n');
      await second.stop();
      await observer.stop();
    });

    test('status, health, hash, alarms, defragmentation', async () => {
      const [status] = await json('endpoint', 'status');
      expect(status.Status.version).toMatch(/^3\.\d+\.\d+$/);
      expect(status.Status.leader).toBeGreaterThan(0);
      expect(await ctl.run('endpoint', 'health').catch(String)).not.toContain('unhealthy');
      const [hash] = await json('endpoint', 'hashkv');
      expect(hash.HashKV.hash).toBeGreaterThan(0);
      expect(await ctl.run('alarm', 'list')).toBe('');
      expect(await ctl.run('alarm', 'disarm')).toBe('');
      expect(await ctl.run('defrag')).toContain('Finished defragmenting');
      expect(await ctl.run('member', 'list')).toMatch(/^[0-9a-f]+, started, \w+, http/);
    });
  });
}

/** Users and roles; nothing else may use the server meanwhile. */
export function etcdctlAccessSuite(name: string, given: () => Etcdctl): void {
  test(name, async () => {
    const ctl = given();
    const root = ctl.with('--user=root:secret');
    const ann = ctl.with('--user=ann:hers');
    expect(await ctl.fail('auth', 'enable')).toContain('root user does not exist');
    expect((await ctl.try(['user', 'add', 'root:secret'])).out).toBe('User root created\n');
    expect(await ctl.run('role', 'add', 'root')).toBe('Role root created\n');
    expect(await ctl.run('user', 'grant-role', 'root', 'root')).toContain('granted');
    await ctl.run('user', 'add', 'ann:hers');
    await ctl.run('role', 'add', 'reader');
    expect(
      await ctl.run('role', 'grant-permission', 'reader', 'read', '--prefix=true', 'open/'),
    ).toBe('Role reader updated\n');
    await ctl.run('user', 'grant-role', 'ann', 'reader');
    expect(await ctl.run('auth', 'enable')).toBe('Authentication Enabled\n');
    await root.run('put', 'open/a', '1');
    await root.run('put', 'closed/a', '2');
    expect(await ann.run('get', 'open/a')).toBe('open/a\n1\n');
    expect(await ann.fail('get', 'closed/a')).toContain('etcdserver: permission denied');
    expect(await ann.fail('get', '--from-key', 'a')).toContain('etcdserver: permission denied');
    expect(await ann.fail('put', 'open/a', 'x')).toContain('etcdserver: permission denied');
    expect(await ann.fail('user', 'list')).toContain('etcdserver: permission denied');
    expect(await ctl.fail('get', 'open/a')).toContain('etcdserver: user name is empty');
    expect(await ctl.with('--user=ann:his').fail('get', 'open/a')).toContain(
      'etcdserver: authentication failed, invalid user ID or password',
    );
    expect(await root.run('user', 'get', 'ann')).toBe('User: ann\nRoles: reader\n');
    expect(await root.run('role', 'list')).toBe('reader\nroot\n');
    expect(await root.run('role', 'get', 'reader')).toContain('open/');
    expect((await root.try(['user', 'passwd', 'ann', '--interactive=false'], 'new\n')).code).toBe(
      0,
    );
    expect(await ctl.with('--user=ann:new').run('get', 'open/a')).toBe('open/a\n1\n');
    await root.run('user', 'revoke-role', 'ann', 'reader');
    expect(await ctl.with('--user=ann:new').fail('get', 'open/a')).toContain('permission denied');
    expect(await root.run('auth', 'disable')).toBe('Authentication Disabled\n');
    for (const user of ['ann', 'root']) await ctl.run('user', 'delete', user);
    for (const role of ['reader', 'root']) await ctl.run('role', 'delete', role);
  });
}
