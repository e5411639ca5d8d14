/** A change makes the quorum smaller (thesis §4.1): what waited for the larger one goes on. */
import { expect, test } from 'vitest';
import { emptyBytes } from '../../src/raft/entry.ts';
import { encodeChange } from '../../src/raft/wire/change.ts';
import { Lone } from './lone.ts';
import { message } from './messages.ts';

/** The leader of four, with the removal of member 4 at index 2 and a command at index 3. */
function removing(): Lone {
  const lone = new Lone({ voters: [1, 2, 3, 4] });
  lone.becomeLeader();
  for (const from of [2, 3]) lone.acknowledge(from, 1);
  const data = encodeChange({
    transition: 'auto',
    steps: [{ type: 'remove-member', member: 4 }],
    context: emptyBytes,
  });
  lone.tell({ type: 'propose', entries: [{ type: 'configuration', data }] });
  lone.propose('x');
  return lone;
}

test('entries are committed at once that the smaller quorum holds already', () => {
  const lone = removing();
  lone.acknowledge(2, 3);
  expect(lone.status.commit).toBe(1);
  lone.acknowledge(3, 2);
  expect(lone.status.configuration.voters).toEqual([1, 2, 3]);
  expect(lone.member.machine.commands).toEqual(['x']);
});

test('reads are answered at once that the smaller quorum has confirmed already', () => {
  const lone = removing();
  lone.tell({ type: 'read', context: 7 });
  lone.tell(message('heartbeat-reply', { from: 2, round: lone.core.reads.latestRound }));
  expect(lone.member.reads).toEqual([]);
  for (const from of [2, 3]) lone.acknowledge(from, 2);
  expect(lone.status.configuration.voters).toEqual([1, 2, 3]);
  expect(lone.member.reads).toEqual([{ context: 7, index: 1 }]);
});
