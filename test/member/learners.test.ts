/** Members that were announced as learners follow all groups, and vote only when they are told to. */
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Member, openMember } from '../../src/index.ts';
import { temporaryDirectory } from '../../src/platform/temporary-directory.ts';
import { silentLogger } from '../../src/ports/logger.ts';
import { freePorts, until } from '../processes/waiting.ts';
import { bytes, Journal } from './journal.ts';

const log = { segmentBytes: 2 ** 22, reserveBytes: 0, spareSegmentsMax: 0 };

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const addressOf = ({ address }: Member): string => `${address.host}:${address.port}`;

test('a learner that was announced stays one until it is promoted, others vote by themselves', async () => {
  const directory = await temporaryDirectory();
  ends.push(() => directory.remove());
  const open = async (name: string, more: { join?: string[]; listen?: string }) => {
    const dataDir = path.join(directory.path, name);
    const member = await openMember({
      ...more,
      name,
      dataDir,
      tickMs: 10,
      logger: silentLogger,
      settings: { log },
    });
    ends.push(() => member.close());
    return { member, group: await member.group('j', new Journal()) };
  };
  const [port, unused] = await freePorts(2);
  const founder = await open('a', { join: [] });
  const { member: first } = founder;
  const roles = (): Record<string, string> =>
    Object.fromEntries(
      first.members().map(({ name, role, awaitsPromotion }) => {
        return [name, awaitsPromotion ? `${role}, to be promoted` : role];
      }),
    );
  await first.learners.announce(`127.0.0.1:${port}`);
  await first.learners.announce(`127.0.0.1:${unused}`);
  await first.learners.retract(`127.0.0.1:${unused}`);
  const join = [addressOf(first)];
  const learner = await open('b', { join, listen: `127.0.0.1:${port}` });
  await founder.group.propose(bytes('one'));
  await until('the learner to follow', () => learner.group.machine.lines.length === 1);

  // It comes later and lacks more: when it votes, the learner could have done so for long.
  await open('c', { join, listen: `127.0.0.1:${unused}` });
  await until('the other newcomer to vote', () => roles().c === 'voter');
  expect(roles()).toEqual({ a: 'voter', b: 'learner, to be promoted', c: 'voter' });
  expect(await learner.group.propose(bytes('two'))).toBe(2);

  await first.learners.promote(learner.member.id);
  await until('the learner to vote', () => roles().b === 'voter');
  await until('it to vote in the group', () =>
    founder.group.status().configuration.voters.includes(learner.member.id),
  );
  await expect(first.learners.promote(77)).rejects.toMatchObject({ code: 'unknown-member' });
});
