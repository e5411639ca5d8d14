/** Messages on their way between the members of a script, in the order in which they were sent. */
import type { Input } from '../../src/raft/input.ts';
import type { Message } from '../../src/raft/message.ts';
import { APPEND_THREAD, APPLY_THREAD, type Detail, type Drawn, drawMessage } from './describe.ts';

/** A message with its receiver. What a member's own disk and state machine say travels here too. */
export interface Parcel {
  readonly to: number;
  readonly drawn: Drawn;
  readonly input: Input;
}

/** Which parcels a command speaks of; what is absent does not matter. */
export interface Selection {
  readonly to: number;
  readonly type?: string | undefined;
  /** The sender as it is drawn. */
  readonly from?: string | undefined;
}

export class Network {
  #parcels: Parcel[] = [];

  send(parcels: Iterable<Parcel>): void {
    this.#parcels.push(...parcels);
  }

  holds(selection: Selection): boolean {
    return this.#parcels.some((parcel) => matches(parcel, selection));
  }

  /** Takes the parcels of a selection out; messages that never leave a member only if `local`. */
  take(selection: Selection, local: boolean): Parcel[] {
    const taken: Parcel[] = [];
    const left: Parcel[] = [];
    for (const parcel of this.#parcels) {
      const chosen = matches(parcel, selection) && (local || !isLocal(parcel));
      (chosen ? taken : left).push(parcel);
    }
    this.#parcels = left;
    return taken;
  }

  /** What a selection holds, left where it is. */
  peek(selection: Selection): Parcel[] {
    return this.#parcels.filter((parcel) => matches(parcel, selection) && !isLocal(parcel));
  }

  /** A crash of `member`: what it said to itself is gone. */
  forgetLocal(member: number): void {
    this.#parcels = this.#parcels.filter((parcel) => parcel.to !== member || !isLocal(parcel));
  }
}

export function parcelOf(message: Message, detail: Detail): Parcel {
  return { to: message.to, drawn: drawMessage(message, detail), input: message };
}

function matches(parcel: Parcel, { to, type, from }: Selection): boolean {
  return (
    parcel.to === to &&
    (type === undefined || parcel.drawn.type === type) &&
    (from === undefined || parcel.drawn.from === from)
  );
}

/** A message to oneself, or from one's own disk or state machine, cannot get lost. */
function isLocal({ drawn }: Parcel): boolean {
  return drawn.from === drawn.to || drawn.from === APPEND_THREAD || drawn.from === APPLY_THREAD;
}
