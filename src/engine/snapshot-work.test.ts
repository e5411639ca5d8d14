/** What becomes of snapshots on their way that end before they have begun. */
import { describe, expect, it } from 'vitest';
import { DiskModel } from '../../test/engine/disk-model.ts';
import { opened } from '../../test/engine/log-harness.ts';
import { QuorateError } from '../base/errors.ts';
import { emptyConfiguration } from '../raft/configuration.ts';
import { emptyBytes } from '../raft/entry.ts';
import { engineDefaults } from './settings.ts';
import { SnapshotWork } from './snapshot-work.ts';

describe('a snapshot for a member to which there is no link', () => {
  it('is sent again when it is wanted again', () => {
    const { log, disk } = opened(new DiskModel());
    const work = new SnapshotWork({ disk, log, settings: engineDefaults, clusterId: 77 });
    let asked = 0;
    work.attach({
      log: () => {},
      // What cannot be sent fails at once.
      call: (_peer, _kind, _payload, done) => {
        asked++;
        done({ ok: false, error: new QuorateError('unreachable', 'there is no link') });
      },
      received: () => {},
      replica: () => undefined,
      failed: () => {},
      wake: () => {},
      self: 1,
    });
    const snapshot = { index: 9, term: 2, configuration: emptyConfiguration, data: emptyBytes };
    const message = { type: 'snapshot', from: 1, to: 2, term: 3, snapshot } as const;
    expect(work.send(4, message)).toBe(true);
    expect(work.send(4, message)).toBe(true);
    expect(asked).toBe(2);
  });
});
