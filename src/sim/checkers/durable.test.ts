/** What leaves before its fsync is named: a real log on a simulated disk, and its ledger. */
import { describe, expect, it } from 'vitest';
import { encodeVotes, votePath } from '../../engine/log/vote-format.ts';
import type { DiskFile } from '../../ports/disk.ts';
import type { Message } from '../../raft/message.ts';
import { World } from '../world.ts';
import { DurableLedger } from './durable.ts';

const vote = (term: number, to: number): Message => {
  const commit = { term: 0, index: 0 };
  return { type: 'vote-reply', from: 1, to, term, incarnation: 1, granted: true, commit };
};

describe('the ledger of what is durable', () => {
  it('counts a vote from when its sync is done, and not before', async () => {
    const world = new World({ seed: 1 });
    const ledger = new DurableLedger();
    const identity = { clusterId: 7, memberId: 1, incarnation: 9, name: 'a' };
    const rows = new Map([[3, { term: 5, vote: 2, suspect: false, voteLost: false }]]);
    const table = { sequence: 1, logSyncedThrough: 0, unknownSuspect: false, rows };
    const told: (string | undefined)[] = [];
    const look = (): void => void told.push(ledger.tooEarly(3, vote(5, 2)));
    let over = false;
    world.node('a', { capacityBytes: 2 ** 24 }).run(({ disk }) => {
      ledger.watch(disk).open(votePath, 'create', (opened) => {
        const file = opened as DiskFile;
        look();
        file.write([encodeVotes(table, identity)], 0, () => {
          look();
          file.sync(() => {
            look();
            over = true;
          });
        });
      });
    });
    await world.settleUntil(() => over, { limitMs: 10_000 });
    expect(told).toEqual([expect.any(String), expect.any(String), undefined]);
    expect(ledger.tooEarly(3, vote(5, 4))).toMatch('votes for 4');
    expect(ledger.tooEarly(3, vote(6, 2))).toMatch('term 6');
    // A vote that was given in a term before leaves late, and is kept no more.
    expect(ledger.tooEarly(3, vote(4, 1))).toBe(undefined);
  });
});
