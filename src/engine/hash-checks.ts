/**
 * Replicas compare their states: a machine that is not deterministic, or memory that fails, must not
 * go unseen until somebody reads two different answers.
 *
 * The leader of a group that was at work proposes a `hash-check` entry now and then. Applying it,
 * every replica takes its machine's hash at that index, the same place in the same history, and tells
 * the leader. What most voters have is right; where all have answered and no majority agrees, it is
 * what the leader has. Whoever has another is quarantined: it says so loudly, answers requests about
 * the group with `replica-diverged`, and does not lead. Its log is as good as any other's, so it
 * goes on to vote and to hold entries. A restart does not end that (quarantine.ts); a start with
 * `repair` does, by a state from the others.
 *
 * A check that is not decided (a member was away, the leader changed) is made up for by the next. Idle
 * groups are not checked: nothing changes in them.
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { ByteSlab } from '../base/byte-slab.ts';
import { QuorateError } from '../base/errors.ts';
import type { LogFacts } from '../ports/logger.ts';
import { emptyBytes, type MemberId, NOBODY } from '../raft/entry.ts';
import { majority } from '../raft/quorum.ts';
import { callKinds } from './call-kinds.ts';
import { noGuards, wrap } from './envelope.ts';
import type { GroupId } from './event.ts';
import type { CallResult } from './peers/calls.ts';
import type { Quarantine } from './quarantine.ts';
import type { Replica } from './replica.ts';
import type { EngineSettings } from './settings.ts';
import { handOver } from './transfers.ts';

/** What this needs of the engine. */
export interface HashCheckHost {
  readonly self: MemberId;
  readonly settings: EngineSettings;
  say(level: 'error', facts: LogFacts, message: string): void;
  call(peer: MemberId, kind: number, payload: Uint8Array, done: (result: CallResult) => void): void;
  readonly quarantine: Quarantine;
  /** Something has happened to the replica. */
  busy(replica: Replica): void;
}

/** Checks of a group that are remembered: those before are not decided any more. */
const checksMax = 4;

type AnswerCall = (result: CallResult) => void;

/** What is known of one check, on the member that it was told to. */
interface Check {
  readonly hashes: Map<MemberId, number>;
  readonly waiting: Map<MemberId, AnswerCall>;
}

/** A group's checks, by index, and when the last one was proposed. */
interface Checked {
  readonly checks: Map<number, Check>;
  readonly replica: Replica;
  /** Applied up to here when the last check was proposed. */
  index: number;
  atMs: number;
}

export class HashChecks {
  readonly #host: HashCheckHost;
  readonly #groups = new Map<GroupId, Checked>();
  readonly #slab = new ByteSlab();
  readonly #quarantined = new Set<Replica>();

  constructor(host: HashCheckHost) {
    this.#host = host;
  }

  removed(replica: Replica): void {
    this.#groups.delete(replica.id);
    this.#quarantined.delete(replica);
  }

  started(replica: Replica): void {
    const { quarantine } = this.#host;
    const found = quarantine.index(replica.id);
    if (found !== undefined && !quarantine.isRepairing(replica.id))
      this.#quarantine(replica, found);
    if (replica.machine.hash === undefined) return;
    const { appliedIndex: index, id } = replica;
    this.#groups.set(id, { checks: new Map(), replica, index, atMs: 0 });
  }

  /** Time has passed: proposes checks that are due. */
  tick(nowMs: number): void {
    const { hashCheckEntries, hashCheckMs } = this.#host.settings;
    for (const group of this.#groups.values()) {
      // Thousands of groups that were just opened are not all compared at once.
      if (group.atMs === 0) group.atMs = nowMs;
      const { replica, index, atMs } = group;
      if (replica.role !== 'leader' || replica.appliedIndex === index) continue;
      const due = replica.appliedIndex - index >= hashCheckEntries || nowMs - atMs >= hashCheckMs;
      if (!due) continue;
      group.atMs = nowMs;
      // The check itself is an entry too, and none of them calls for another.
      group.index = replica.raft.core.log.lastIndex() + 1;
      this.#propose(replica);
    }
    for (const replica of this.#quarantined) if (replica.role === 'leader') handOver(replica);
  }

  #propose(replica: Replica): void {
    const origin = this.#host.self;
    const head = { kind: 'hash-check', origin, sequence: 0, timeMs: 0, guards: noGuards } as const;
    const data = wrap({ ...head, body: emptyBytes }, this.#slab);
    replica.appendFor([{ type: 'normal', data }], 0);
    this.#host.busy(replica);
  }

  /** The replica has applied a check: tells whoever leads. */
  applied(replica: Replica, index: number): void {
    const group = this.#groups.get(replica.id);
    if (group === undefined) return;
    const { self, call } = this.#host;
    const { leader, id } = replica;
    const hash = replica.machine.hash!();
    if (leader === self) return this.#take(group, { index, from: self, hash }, () => {});
    group.index = index;
    // Entries of the past are applied again at a start, when no leader is known.
    if (leader === NOBODY) return;
    call(leader, callKinds.hash, encodeReport({ group: id, index, hash }), (result) => {
      if (!result.ok && result.error.code === 'replica-diverged') this.#quarantine(replica, index);
    });
  }

  /** A member tells what it has. */
  report(from: MemberId, payload: Uint8Array, answer: AnswerCall): void {
    const { group: id, index, hash } = decodeReport(payload);
    const group = this.#groups.get(id);
    if (group?.replica.role !== 'leader') return answer(agreed);
    this.#take(group, { index, from, hash }, answer);
  }

  #take(
    { checks, replica }: Checked,
    report: { readonly index: number; readonly from: MemberId; readonly hash: number },
    answer: AnswerCall,
  ): void {
    const { index, from, hash } = report;
    const check = checks.get(index) ?? { hashes: new Map(), waiting: new Map() };
    checks.set(index, check);
    check.hashes.set(from, hash);
    check.waiting.set(from, answer);
    for (const [old, { waiting }] of checks) {
      if (checks.size <= checksMax) break;
      checks.delete(old);
      for (const answerOld of waiting.values()) answerOld(agreed);
    }
    this.#decide(replica, index, check);
  }

  #decide(replica: Replica, index: number, { hashes, waiting }: Check): void {
    const { self } = this.#host;
    const { voters } = replica.configuration;
    const right = rightHash(hashes, voters, self);
    if (right === undefined) return;
    for (const [member, answer] of waiting) {
      const same = hashes.get(member) === right;
      answer(same ? agreed : { ok: false, error: diverged(replica.id, index) });
      if (!same && member === self) this.#quarantine(replica, index);
    }
    waiting.clear();
  }

  #quarantine(replica: Replica, index: number): void {
    if (replica.diverged !== undefined) return;
    const error = diverged(replica.id, index);
    const facts = { group: replica.id, index, err: error };
    this.#host.say('error', facts, 'this replica is not what the others are: it is quarantined');
    this.#host.quarantine.add(replica.id, index);
    replica.quarantine(error);
    this.#quarantined.add(replica);
    if (replica.role === 'leader') handOver(replica);
    this.#host.busy(replica);
  }
}

/** What a majority of the voters has, or, where all have answered, what the leader has. */
function rightHash(
  hashes: ReadonlyMap<MemberId, number>,
  voters: readonly MemberId[],
  leader: MemberId,
): number | undefined {
  const counts = new Map<number, number>();
  for (const voter of voters) {
    const hash = hashes.get(voter);
    if (hash === undefined) continue;
    const count = (counts.get(hash) ?? 0) + 1;
    if (count >= majority(voters.length)) return hash;
    counts.set(hash, count);
  }
  return voters.every((voter) => hashes.has(voter)) ? hashes.get(leader) : undefined;
}

const agreed: CallResult = { ok: true, value: emptyBytes };

function diverged(group: GroupId, index: number): QuorateError {
  const text = `the state of group ${group} on this member was not what the others had at ${index}`;
  return new QuorateError('replica-diverged', text, { details: { group, index } });
}

interface Report {
  readonly group: GroupId;
  readonly index: number;
  readonly hash: number;
}

function encodeReport({ group, index, hash }: Report): Uint8Array {
  return new ByteWriter(24).number(group).number(index).number(hash).finish();
}

/** @throws QuorateError `malformed-message` */
function decodeReport(payload: Uint8Array): Report {
  const reader = new ByteReader(payload);
  const report = { group: reader.number(), index: reader.number(), hash: reader.number() };
  reader.end();
  return report;
}
