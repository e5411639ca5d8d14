/** How a member comes to take part in a group: find or create it, load its machine, start it. */
import { QuorateError } from '../base/errors.ts';
import type { Random } from '../ports/random.ts';
import type { MemberId, Position } from '../raft/entry.ts';
import { Raft } from '../raft/raft.ts';
import type { GroupId, OpenGroup } from './event.ts';
import { GroupState } from './group-state.ts';
import { asCoded } from './incoming-calls.ts';
import type { MemberLog } from './log/member-log.ts';
import type { Outcome } from './machine.ts';
import { beginAtOrigin } from './opening.ts';
import type { Answer } from './proposals.ts';
import type { Quarantine } from './quarantine.ts';
import { Replica, type ReplicaHost } from './replica.ts';
import type { EngineSettings } from './settings.ts';
import type { RestoreTarget } from './snapshot-restore.ts';
import type { SnapshotWork } from './snapshot-work.ts';
import {
  encodeSystemCommand,
  type GroupRecord,
  type SystemCommand,
  type SystemMachine,
} from './system-machine.ts';

/** What this needs of the engine. */
export interface OpeningHost {
  readonly self: MemberId;
  readonly system: SystemMachine;
  readonly log: MemberLog;
  readonly snapshots: SnapshotWork;
  readonly quarantine: Quarantine;
  /** Whether the member was told to repair itself from the others. */
  readonly repair: boolean;
  readonly settings: EngineSettings;
  readonly random: Random;
  readonly replicaHost: ReplicaHost;
  readonly answer: Answer;
  nowMs(): number;
  /** Who votes in the system group, and so in a group that is created now. */
  voters(): readonly MemberId[];
  isOpen(group: GroupId): boolean;
  /** Proposes to the system group on the engine's own behalf. */
  propose(command: Uint8Array, done: (outcome: Outcome) => void, deadlineMs: number): void;
  /** Lets what was committed in the system group before now be applied here. */
  catchUp(done: (outcome: Outcome) => void, deadlineMs: number): void;
  started(replica: Replica): void;
}

export class GroupOpening {
  readonly #host: OpeningHost;
  /** Those that failed for now. */
  #again: OpenGroup[] = [];

  constructor(host: OpeningHost) {
    this.#host = host;
  }

  /** Finds or makes the group, and takes part in it. */
  open(request: OpenGroup): void {
    const known = this.#host.system.groupNamed(request.name);
    if (known !== undefined) return this.#enter(known, request);
    // A member that is a little behind may not know yet who votes by now, and would found the group
    // with too few.
    this.#host.catchUp((outcome) => {
      if (outcome.ok) this.#findOrMake(request);
      else this.#againOr(request, outcome);
    }, request.deadlineMs);
  }

  #findOrMake(request: OpenGroup): void {
    const { system } = this.#host;
    const { name, deadlineMs } = request;
    const known = system.groupNamed(name);
    if (known !== undefined) return this.#enter(known, request);
    const command: SystemCommand = { type: 'add-group', name, voters: this.#host.voters() };
    const done = (outcome: Outcome): void => {
      if (outcome.ok) this.#enter(outcome.value as GroupRecord, request);
      else this.#againOr(request, outcome);
    };
    this.#host.propose(encodeSystemCommand(command), done, deadlineMs);
  }

  /** Time has passed: what failed is tried again. */
  tick(): void {
    for (const request of this.#again.splice(0)) this.open(request);
  }

  /** To open is to find or to create, so that it may be tried again whatever became of it. */
  #againOr(request: OpenGroup, failed: Extract<Outcome, { readonly ok: false }>): void {
    const again = asCoded(failed.error).retryable && this.#host.nowMs() < request.deadlineMs;
    // Not now: what failed at once would do so again, and again.
    if (again) this.#again.push(request);
    else this.#host.answer(request.ticket, failed);
  }

  #enter(record: GroupRecord, request: OpenGroup): void {
    const { log, snapshots, quarantine, repair, answer } = this.#host;
    const { id: group } = record;
    const isDue = repair && quarantine.index(group) !== undefined && !this.#host.isOpen(group);
    // Alone it has nobody to get it from.
    if (!isDue || this.#host.system.state.members.length < 2) return this.#load(record, request);
    const { ticket, machine } = request;
    const removeFiles = (then: (error: QuorateError | null) => void): void =>
      snapshots.removeFiles(group, then);
    quarantine.startOver({ log, group, machine }, removeFiles, (error) => {
      if (error === null) this.#load(record, request);
      else answer(ticket, { ok: false, error });
    });
  }

  #load({ id, voters, restored }: GroupRecord, { ticket, machine }: OpenGroup): void {
    const { self, log, snapshots, quarantine, answer } = this.#host;
    if (this.#host.isOpen(id)) {
      const error = new QuorateError('group-open', `group ${id} is open in this member already`);
      return answer(ticket, { ok: false, error });
    }
    const group = log.openGroup(id);
    if (restored !== undefined) {
      // Its state was brought here before; without it the group would begin anew, and empty.
      const isEmpty = group.lastIndex() === 0 && !snapshots.has(id);
      if (voters.includes(self) && isEmpty && !quarantine.isRepairing(id))
        return answer(ticket, { ok: false, error: unfinishedError(id) });
    } else if (voters.includes(self) || group.lastIndex() > 0) {
      // Also one that came later may hold a log that begins where the group does.
      beginAtOrigin(log, group, voters);
    }
    const target = { machine, state: new GroupState() };
    snapshots.load(group, target, (applied) => {
      if (applied instanceof QuorateError) return answer(ticket, { ok: false, error: applied });
      if (this.#host.system.isRemovedGroup(id)) {
        return answer(ticket, { ok: false, error: deletedError(id) });
      }
      this.start(id, target, applied);
      answer(ticket, { ok: true, value: id });
    });
  }

  /** Starts a group whose machine has applied as far as it says. */
  start(id: GroupId, { machine, state }: RestoreTarget, applied: Position): void {
    const { self, log, settings, random, replicaHost, answer } = this.#host;
    const { electionTicks, heartbeatTicks, quiesceAfterTicks, entryBytesMax } = settings;
    const raft = new Raft({
      id: self,
      storage: log.openGroup(id),
      random,
      applied: applied.index,
      asyncStorageWrites: true,
      electionTicks,
      heartbeatTicks,
      quiesceAfterTicks,
      entryBytesMax,
      suspect: suspectIn(log, id),
      // Forwarding is the member's own call, which answers where the entries stand.
      disableProposalForwarding: true,
    });
    const limits = settings.replica;
    const replica = new Replica({
      id,
      self,
      raft,
      machine,
      state,
      random,
      limits,
      host: replicaHost,
      answer,
      applied,
    });
    this.#host.started(replica);
    replica.standAlone();
  }
}

/** Why a restored group cannot be opened. */
function unfinishedError(id: GroupId): QuorateError {
  const text = `the restoring of group ${id} was broken off: delete the group, and restore it again`;
  return new QuorateError('restore-unfinished', text);
}

/** Why a group answers nothing any more. */
export function deletedError(id: GroupId): QuorateError {
  return new QuorateError('group-deleted', `group ${id} was deleted`);
}

/** What this member may have lost of a group, and does not know to be here again. */
function suspectIn(log: MemberLog, id: GroupId): 'log' | 'log-and-votes' | undefined {
  if (!log.isSuspect(id)) return undefined;
  return log.isVoteLost(id) ? 'log-and-votes' : 'log';
}
