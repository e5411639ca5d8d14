/**
 * What Raft does on this member, as a stream of events: elections, replication, commitment and
 * changes of the configuration, one small fact each. For looking, learning and debugging; nothing
 * rests on them.
 */
import type { Engine } from '../engine/engine.ts';
import type { GroupId } from '../engine/event.ts';
import type { EngineObserver } from '../engine/observer.ts';
import type { Replica } from '../engine/replica.ts';
import type { MemberId } from '../raft/entry.ts';
import type { AppendTask } from '../raft/input.ts';
import type { Message } from '../raft/message.ts';
import type { Role } from '../raft/ready.ts';

/** What happened. Votes tell of requests and their answers, whoever asks. */
export type RaftFact =
  | { readonly type: 'role'; readonly role: Role; readonly term: number; readonly leader: MemberId }
  | { readonly type: 'term'; readonly term: number }
  /** This member's vote of a term, on its way to the disk. */
  | { readonly type: 'vote'; readonly term: number; readonly candidate: MemberId }
  | {
      readonly type: 'vote-asked' | 'vote-request';
      /** Of the candidate. */
      readonly from: MemberId;
      readonly to: MemberId;
      readonly term: number;
      readonly lastIndex: number;
      readonly lastTerm: number;
      /** Only asking whether an election could be won. */
      readonly pre: boolean;
    }
  | {
      readonly type: 'vote-given' | 'vote-answer';
      /** Of the voter. */
      readonly from: MemberId;
      readonly to: MemberId;
      readonly term: number;
      readonly granted: boolean;
      readonly pre: boolean;
    }
  /** Entries from `first` to `last` on their way to the disk. */
  | {
      readonly type: 'append';
      readonly first: number;
      readonly last: number;
      readonly term: number;
    }
  | { readonly type: 'commit'; readonly index: number }
  | { readonly type: 'apply'; readonly index: number }
  | {
      readonly type: 'configuration';
      readonly voters: readonly MemberId[];
      readonly learners: readonly MemberId[];
    }
  /** Every message, for those who ask for them. */
  | { readonly type: 'sent' | 'received'; readonly message: Message };

/** A fact, and the group that it is of. */
export type RaftEvent = RaftFact & { readonly group: GroupId };

/** What a listener wants to hear. */
export interface RaftEventOptions {
  /** Also every message that is sent or received. Default false. */
  readonly messages?: boolean;
}

type Listener = (event: RaftEvent) => void;

interface Seen {
  term: number;
  vote: MemberId;
  commit: number;
  applied: number;
}

/** Turns what the engine tells its observer into events. */
export class RaftEvents implements EngineObserver {
  readonly #listeners = new Map<Listener, RaftEventOptions>();
  readonly #seen = new Map<GroupId, Seen>();

  /** Returns how to stop; the engine is only watched while somebody listens. */
  listen(engine: Engine, listener: Listener, options: RaftEventOptions): () => void {
    this.#listeners.set(listener, options);
    engine.observer = this;
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) engine.observer = undefined;
    };
  }

  sent(group: GroupId, message: Message): void {
    this.#message(group, message, true);
  }

  received(group: GroupId, message: Message): void {
    this.#message(group, message, false);
  }

  appending(group: GroupId, { hardState, entries }: AppendTask): void {
    const seen = this.#of(group);
    if (hardState !== undefined) {
      const { term, vote } = hardState;
      if (term !== seen.term) this.#tell({ group, type: 'term', term });
      const newVote = vote !== 0 && (term !== seen.term || vote !== seen.vote);
      if (newVote) this.#tell({ group, type: 'vote', term, candidate: vote });
      seen.term = term;
      seen.vote = vote;
    }
    const last = entries.at(-1);
    if (last === undefined) return;
    const { index: first } = entries[0]!;
    this.#tell({ group, type: 'append', first, last: last.index, term: last.term });
  }

  led({ id: group, role, leader, raft }: Replica): void {
    this.#tell({ group, type: 'role', role, term: raft.core.term, leader });
  }

  configured({ id: group, configuration: { voters, learners } }: Replica): void {
    this.#tell({ group, type: 'configuration', voters, learners });
  }

  turned({ id: group, appliedIndex, raft }: Replica): void {
    const seen = this.#of(group);
    const commit = raft.core.log.committed;
    if (commit > seen.commit) this.#tell({ group, type: 'commit', index: commit });
    if (appliedIndex > seen.applied) this.#tell({ group, type: 'apply', index: appliedIndex });
    seen.commit = commit;
    seen.applied = appliedIndex;
  }

  #message(group: GroupId, message: Message, sent: boolean): void {
    const { from, to, term } = message;
    if (message.type === 'vote' || message.type === 'pre-vote') {
      const { lastIndex, lastTerm } = message;
      const pre = message.type === 'pre-vote';
      const type = sent ? 'vote-request' : 'vote-asked';
      this.#tell({ group, type, from, to, term, lastIndex, lastTerm, pre });
    } else if (message.type === 'vote-reply' || message.type === 'pre-vote-reply') {
      const { granted } = message;
      const pre = message.type === 'pre-vote-reply';
      const type = sent ? 'vote-given' : 'vote-answer';
      this.#tell({ group, type, from, to, term, granted, pre });
    }
    for (const [listener, { messages = false }] of this.#listeners) {
      if (messages) listener({ group, type: sent ? 'sent' : 'received', message });
    }
  }

  #of(group: GroupId): Seen {
    let seen = this.#seen.get(group);
    if (seen === undefined) {
      seen = { term: 0, vote: 0, commit: 0, applied: 0 };
      this.#seen.set(group, seen);
    }
    return seen;
  }

  #tell(event: RaftEvent): void {
    for (const listener of this.#listeners.keys()) listener(event);
  }
}
