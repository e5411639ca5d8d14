/**
 * What happened in a run that people want to know of: who led, who crashed, what the network did,
 * what was lost. It is told as text and as a page; the full log of events is another matter.
 */

/** What kind of thing happened: the page colours by it. */
export type StoryKind =
  | 'fault'
  | 'heal'
  | 'start'
  | 'end'
  | 'leader'
  | 'membership'
  | 'phase'
  | 'violation';

export interface StoryEvent {
  readonly atMs: number;
  /** A member, or nobody in particular. */
  readonly who: string | undefined;
  readonly kind: StoryKind;
  readonly text: string;
}

/** How much is told of one run; what comes later is counted only, but for violations. */
const eventsMax = 5_000;

/** See above. */
export class Story {
  readonly events: StoryEvent[] = [];
  #omitted = 0;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Events that were not kept. */
  get omitted(): number {
    return this.#omitted;
  }

  tell(kind: StoryKind, who: string | undefined, text: string): void {
    if (this.events.length >= eventsMax && kind !== 'violation') {
      this.#omitted++;
      return;
    }
    this.events.push({ atMs: this.#nowMs(), who, kind, text });
  }
}
