/**
 * Snapshots of a member: made, sent, received and installed beside everything else.
 */
import type { QuorateError } from '../base/errors.ts';
import type { LogFacts } from '../ports/logger.ts';
import type { MemberId, Position, Snapshot } from '../raft/entry.ts';
import type { Message } from '../raft/message.ts';
import type { DiskRequests } from './log/disk-requests.ts';
import type { GroupLog } from './log/group-log.ts';
import type { GroupId } from './log/log-write.ts';
import type { MemberLog } from './log/member-log.ts';
import type { Machine } from './machine.ts';
import { origin } from './opening.ts';
import type { CallResult } from './peers/calls.ts';
import type { Replica } from './replica.ts';
import type { EngineSettings } from './settings.ts';

/** What this needs of the engine. */
export interface SnapshotHost {
  log(level: 'info' | 'warn', facts: LogFacts, message: string): void;
  call(peer: MemberId, kind: number, payload: Uint8Array, done: (result: CallResult) => void): void;
  replica(group: GroupId): Replica | undefined;
}

export class SnapshotWork {
  constructor(_disk: DiskRequests, _log: MemberLog, _settings: EngineSettings) {}

  attach(_host: SnapshotHost): void {}

  /** Finds what snapshots there are, once, before any group is loaded. */
  find(done: (error: QuorateError | null) => void): void {
    done(null);
  }

  /** Brings a group's machine to its newest snapshot; answers where that stands. */
  load(group: GroupLog, machine: Machine, done: (applied: Position | QuorateError) => void): void {
    const snapshot = group.snapshot();
    if (snapshot === undefined || group.lastIndex() === 0) {
      done({ term: 0, index: 0 });
      return;
    }
    restoreInline(machine, snapshot);
    done({ term: origin.term, index: origin.index });
  }

  /** Takes over a snapshot message that is too large to travel as one; false where it is not. */
  send(_group: GroupId, _message: Message): boolean {
    return false;
  }

  called(
    _from: MemberId,
    _kind: number,
    _payload: Uint8Array,
    _answer: (result: CallResult) => void,
  ): boolean {
    return false;
  }

  /** Brings the replica's machine to a snapshot that is durable here. */
  install(replica: Replica, snapshot: Snapshot): void {
    restoreInline(replica.machine, snapshot);
    replica.restored(snapshot);
  }

  tick(_nowMs: number): void {}

  endOfTurn(_busy: readonly Replica[]): void {}
}

/** A group's beginning travels inside its snapshot: nothing, or the system group's first state. */
function restoreInline(machine: Machine, { data }: Snapshot): void {
  if (data.length === 0) return;
  const restore = machine.restore();
  restore.chunk(data);
  restore.finish();
}
