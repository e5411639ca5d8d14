/**
 * Members that came while this one was away. It knows nothing of them, turns them away, and would do
 * so for ever if one of them led the system group: for only the leader could tell it. So it asks
 * members that it knows who there is, and believes them; once the system group's log has come this
 * far, that says the same. (Raft's followers listen to leaders outside their configuration for the
 * same reason, thesis §4.2.2; here somebody must vouch for whom they listen to.)
 */
import type { MemberId } from '../raft/entry.ts';
import { callKinds, decodeJoined } from './call-kinds.ts';
import type { CallResult } from './peers/calls.ts';
import type { MemberRecord, SystemMachine } from './system-machine.ts';

/** What this needs of the engine. */
export interface NewcomersHost {
  readonly system: SystemMachine;
  /** The members to which there are links. */
  connected(): readonly MemberId[];
  call(peer: MemberId, kind: number, payload: Uint8Array, done: (result: CallResult) => void): void;
  /** Somebody that this member knows says that these are members. */
  heard(members: readonly MemberRecord[]): void;
}

/** See above. */
export class Newcomers {
  readonly #host: NewcomersHost;
  /** Questions that wait for an answer: another refusal asks nothing before all are answered. */
  #waiting = 0;

  constructor(host: NewcomersHost) {
    this.#host = host;
  }

  /** Somebody was turned away who says that it is a member of this id. */
  unknown(member: MemberId): void {
    const { system } = this.#host;
    // Ids count up: one that was given already was taken back since, and that is known here.
    if (member < system.state.nextMemberId || this.#waiting > 0) return;
    const asked = this.#host.connected();
    this.#waiting = asked.length;
    for (const peer of asked) {
      this.#host.call(peer, callKinds.members, nothing, (result) => {
        this.#waiting--;
        if (result.ok) this.#host.heard(decodeJoined(result.value).members);
      });
    }
  }
}

const nothing = new Uint8Array(0);
