/**
 * Looks at a running member from outside: what it is asked and answers, what it sends, and how its
 * replicas stand after every event. Each tap covers a method of one object with one that looks and
 * then calls it; the member itself knows nothing of it, and runs as it ships.
 */
import { QuorateError } from '../../base/errors.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Event, Ticket } from '../../engine/event.ts';
import type { Outcome } from '../../engine/machine.ts';
import type { Member } from '../../member/member.ts';
import type { ConsensusChecker, WatchedLife } from '../checkers/consensus.ts';
import type { Asked, OrderChecker } from '../checkers/order.ts';
import type { StateChecker } from '../checkers/states.ts';

/** Who wants to know. */
export interface Checkers {
  readonly consensus: ConsensusChecker;
  readonly states: StateChecker;
  readonly order: OrderChecker;
}

/** What is tapped, and how to tell time. */
export interface TapInit {
  readonly name: string;
  readonly member: Member;
  readonly life: WatchedLife;
  readonly checkers: Checkers;
  /** Whether this process is still the one that runs. */
  readonly alive: () => boolean;
  readonly nowMs: () => number;
  /** A promise of the member's was settled. */
  readonly settled: () => void;
}

/** What the taps know of a member's requests. */
export class MemberTaps {
  readonly #waiting = new Map<Ticket, Asked>();

  /** Requests that wait for an answer. */
  get waiting(): readonly Asked[] {
    return [...this.#waiting.values()];
  }

  constructor(init: TapInit) {
    this.#tapEngine(init);
    this.#tapRequests(init);
  }

  #tapEngine({ member, life, checkers, alive }: TapInit): void {
    const engine: Engine = member.engine;
    const send = engine.send.bind(engine);
    engine.send = (group, message) => {
      if (alive()) checkers.consensus.sends(life, group, message);
      send(group, message);
    };
    const changed = engine.configurationChanged.bind(engine);
    engine.configurationChanged = (replica) => {
      if (alive()) checkers.consensus.changed(replica.id, replica.appliedIndex);
      changed(replica);
    };
    const handle = engine.handle.bind(engine);
    engine.handle = (event) => {
      const effects = handle(event);
      if (!alive()) return effects;
      checkers.consensus.look(life, engine.replicas());
      return effects;
    };
    checkers.consensus.look(life, engine.replicas());
  }

  #tapRequests({ name, member, checkers, alive, nowMs, settled }: TapInit): void {
    const dispatch = member.dispatch.bind(member);
    member.dispatch = (event: Event) => {
      if (event.type === 'open-group') {
        const machine = checkers.states.watch(name, event.name, event.machine);
        return dispatch({ ...event, machine });
      }
      if (event.type === 'propose' || event.type === 'read') {
        const { type, group, ticket } = event;
        if (group !== 0) {
          this.#waiting.set(ticket, checkers.order.ask(name, type, group, nowMs()));
        }
      } else if (event.type === 'cancel' && this.#waiting.delete(event.ticket)) {
        checkers.order.counts.unknown++;
      }
      return dispatch(event);
    };
    const { requests } = member;
    const settle = requests.settle.bind(requests);
    requests.settle = (ticket: Ticket, outcome: Outcome) => {
      const asked = this.#waiting.get(ticket);
      this.#waiting.delete(ticket);
      if (asked !== undefined && alive()) this.#answered(checkers, asked, outcome, nowMs());
      settle(ticket, outcome);
      settled();
    };
  }

  #answered({ order, states }: Checkers, asked: Asked, outcome: Outcome, nowMs: number): void {
    const isRead = asked.kind === 'read' && outcome.ok;
    const index = isRead ? (outcome.value as number) : states.indexOf(outcome);
    if (index !== undefined) order.answered(asked, index, nowMs);
    // A refusal of the machine's own has an index too: that command has been applied.
    if (outcome.ok || index !== undefined) order.counts.done++;
    else if (outcome.error instanceof QuorateError && !outcome.error.maybeApplied) {
      order.counts.failed++;
    } else order.counts.unknown++;
  }
}
