/**
 * Appends that carry nothing but the commit index: what a follower needs to apply what it has.
 *
 * One of its own would cost a write here and a turn there, for each entry again where they come
 * singly. So a note waits for company and leaves with whatever its member is sent next, mostly the
 * next entry; by itself it leaves when the engine is reminded. A later append of the group makes it
 * superfluous. Only where the member waits for the entry, which it has passed on, does the note leave
 * with the next turn: answers mostly bring proposals, and then one write does for both.
 */
import type { MemberId } from '../raft/entry.ts';
import type { Append, Message } from '../raft/message.ts';
import type { GroupId } from './event.ts';

/** How long a note waits for company. */
export const noteDelayMs = 2;

interface Note {
  readonly group: GroupId;
  readonly message: Append;
}

/** Where notes go: the member's links. */
export interface NoteCarrier {
  send(to: MemberId, group: GroupId, message: Message): void;
  /** Whether something leaves for the member at the end of this turn. */
  isSpokenTo(member: MemberId): boolean;
}

export class CommitNotes {
  /** They wait for company. */
  readonly #held = new Map<MemberId, Map<GroupId, Append>>();
  /** They leave with the next turn. */
  #due: Note[] = [];
  /** Members that wait for an entry, by group: the last of those that they have passed on. */
  readonly #awaited = new Map<MemberId, Map<GroupId, number>>();

  /** Whether a turn shall follow, for their sake. */
  get isDue(): boolean {
    return this.#due.length > 0;
  }

  /** Whether some wait for company. */
  get isHolding(): boolean {
    return this.#held.size > 0;
  }

  /** A member has passed on proposals, up to this entry, and waits for them to be applied. */
  await(member: MemberId, group: GroupId, index: number): void {
    of(this.#awaited, member).set(group, index);
  }

  /** Takes a note; the group's earlier one says less, and is forgotten. */
  add(group: GroupId, message: Append): void {
    const { to, commit } = message;
    this.#forget(to, group);
    const awaited = this.#awaited.get(to);
    const index = awaited?.get(group);
    if (index === undefined) {
      of(this.#held, to).set(group, message);
      return;
    }
    this.#due.push({ group, message });
    if (index > commit) return;
    awaited!.delete(group);
    if (awaited!.size === 0) this.#awaited.delete(to);
  }

  /** Entries leave for a member, and the commit index with them. */
  superseded(group: GroupId, { to }: Append): void {
    if (this.#held.size > 0) this.#forget(to, group);
  }

  /** Sends those that were due before this turn. */
  sendDue(carrier: NoteCarrier): void {
    const due = this.#due;
    if (due.length === 0) return;
    this.#due = [];
    for (const { group, message } of due) carrier.send(message.to, group, message);
  }

  /** Sends those that have found company. */
  join(carrier: NoteCarrier): void {
    if (this.#held.size === 0) return;
    for (const [member, notes] of this.#held) {
      if (!carrier.isSpokenTo(member)) continue;
      this.#held.delete(member);
      for (const [group, message] of notes) carrier.send(member, group, message);
    }
  }

  /** They have waited for long enough. */
  release(): void {
    for (const notes of this.#held.values()) {
      for (const [group, message] of notes) this.#due.push({ group, message });
    }
    this.#held.clear();
  }

  #forget(member: MemberId, group: GroupId): void {
    const notes = this.#held.get(member);
    if (notes?.delete(group) && notes.size === 0) this.#held.delete(member);
  }
}

function of<T>(all: Map<MemberId, Map<GroupId, T>>, member: MemberId): Map<GroupId, T> {
  const known = all.get(member);
  if (known !== undefined) return known;
  const made = new Map<GroupId, T>();
  all.set(member, made);
  return made;
}
