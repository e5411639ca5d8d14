import { describe, expect, it } from 'vitest';
import { DiskModel } from '../../../test/engine/disk-model.ts';
import { allEntries, entriesOf, opened } from '../../../test/engine/log-harness.ts';

describe('a member log', () => {
  it('gives back after a restart what was durable', () => {
    const model = new DiskModel();
    const first = opened(model);
    const { log, disk } = first;
    log.openGroup(0);
    log.openGroup(7);
    const hardState = { term: 3, vote: 2, commit: 0 };
    log.append({ group: 0, entries: entriesOf(0, 1, 4, 3), hardState });
    const ticket = log.append({ group: 7, entries: entriesOf(7, 1, 2, 1) });
    log.flush();
    expect(log.durableTicket).toBeLessThan(ticket);
    model.settle(disk);
    expect(log.durableTicket).toBe(ticket);
    const second = opened(model.copy());
    expect(allEntries(second, model, 0)).toEqual(entriesOf(0, 1, 4, 3));
    expect(allEntries(second, model, 7)).toEqual(entriesOf(7, 1, 2, 1));
    expect(second.log.group(0)!.hardState).toEqual(hardState);
    expect(second.log.group(7)!.hardState.term).toBe(1);
    expect(second.log.group(0)!.term(4)).toBe(3);
  });
});
