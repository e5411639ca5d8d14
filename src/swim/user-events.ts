/**
 * User events: told once, heard by everybody once, in no order but that of their Lamport times. Some
 * say the same again and again ("deploy the newest version"); told with `coalesce`, only the newest
 * of a name is handed on while they come in a burst.
 */
import { QuorateError } from '../base/errors.ts';
import type { BroadcastQueue } from './broadcast-queue.ts';
import type { Context } from './context.ts';
import { LamportClock } from './lamport-clock.ts';
import { SeenRing } from './seen-ring.ts';
import type { Timer } from './timers.ts';
import { encodeUser } from './wire/messages.ts';
import { encodeUserEvent, type SerfState, type UserEventMessage } from './wire/serf-messages.ts';

/** Names gathered at once; beyond, all are handed on before their time. */
const gatheredMax = 1_024;

const encoder = new TextEncoder();
type Event = Omit<UserEventMessage, 'type'>;

function sameEvent(a: Event, b: Event): boolean {
  return (
    a.name === b.name &&
    a.payload.length === b.payload.length &&
    a.payload.every((byte, at) => byte === b.payload[at])
  );
}

export class UserEvents {
  readonly clock: LamportClock;
  readonly #context: Context;
  readonly #queue: BroadcastQueue;
  readonly #seen = new SeenRing<Event>(sameEvent);
  /** Events of before are hidden. */
  #timeMin = 0;
  /** The newest events of each name, while they are gathered. */
  readonly #gathered = new Map<string, Event[]>();
  #gatherEnd: Timer | undefined;
  #quietEnd: Timer | undefined;

  constructor(parts: { context: Context; queue: BroadcastQueue; time: number }) {
    this.#context = parts.context;
    this.#queue = parts.queue;
    this.clock = new LamportClock(parts.time);
  }

  /**
   * Tells everybody, ourselves too.
   *
   * @throws QuorateError `gossip-too-large`, or `gossip-overloaded` if so many events of this name
   * wait to be sent already that another would only push one of them out.
   */
  tell(name: string, payload: Uint8Array, coalesce: boolean): void {
    const { userEventBytesMax, userEventsPerNameMax } = this.#context.settings;
    const bytes = encoder.encode(name).length + payload.length;
    if (bytes > userEventBytesMax) {
      throw new QuorateError(
        'gossip-too-large',
        `event '${name}' takes ${bytes} bytes of at most ${userEventBytesMax}`,
        { details: { bytes, bytesMax: userEventBytesMax } },
      );
    }
    if (this.#queue.lengthOfGroup(name) >= userEventsPerNameMax) {
      throw new QuorateError('gossip-overloaded', `too many events '${name}' wait to be sent`);
    }
    const lamportTime = this.clock.tick();
    this.#take({ lamportTime, name, payload: payload.slice(), coalesce }, true);
  }

  /** An event came by gossip. */
  heard(event: UserEventMessage): void {
    this.#take({ ...event, payload: event.payload.slice() }, true);
  }

  /** Events of before `time` are hidden from now on. */
  ignoreBefore(time: number): void {
    this.#timeMin = Math.max(this.#timeMin, time);
  }

  fillState(): SerfState['events'] {
    return [...this.#seen.all()].map(({ entry }) => entry);
  }

  mergeState(events: SerfState['events']): void {
    for (const event of events) {
      this.#take({ ...event, payload: event.payload.slice(), coalesce: false }, false);
    }
  }

  #take(event: Event, gossip: boolean): void {
    this.clock.witness(event.lamportTime);
    if (event.lamportTime < this.#timeMin) return;
    const novelty = this.#seen.add(event.lamportTime, this.clock.time, event);
    if (novelty === 'seen') return;
    if (novelty !== 'new') {
      this.#context.count(`events-${novelty}`);
      return;
    }
    if (gossip) {
      this.#queue.add({ bytes: encodeUser(encodeUserEvent(event)), group: event.name });
    }
    if (event.coalesce && this.#context.settings.coalesceMs > 0) this.#gather(event);
    else this.#hand(event);
  }

  #gather(event: Event): void {
    const { coalesceMs, coalesceQuietMs } = this.#context.settings;
    const gathered = this.#gathered.get(event.name);
    const newest = gathered?.[0]?.lamportTime ?? -1;
    if (event.lamportTime > newest) this.#gathered.set(event.name, [event]);
    else if (event.lamportTime === newest) gathered!.push(event);
    else return;
    if (this.#gathered.size > gatheredMax) {
      this.#handGathered();
      return;
    }
    this.#gatherEnd ??= this.#context.after(coalesceMs, () => this.#handGathered());
    this.#quietEnd?.cancel();
    this.#quietEnd = this.#context.after(coalesceQuietMs, () => this.#handGathered());
  }

  #handGathered(): void {
    this.#gatherEnd?.cancel();
    this.#quietEnd?.cancel();
    this.#gatherEnd = undefined;
    this.#quietEnd = undefined;
    const gathered = [...this.#gathered.values()];
    this.#gathered.clear();
    for (const events of gathered) for (const event of events) this.#hand(event);
  }

  #hand(event: Event): void {
    this.#context.emit({ type: 'user-event', ...event });
  }
}
