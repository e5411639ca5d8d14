/**
 * A client's session with one group: a random name, and a number for each command, so that a command
 * that is sent again takes effect once (see engine/sessions.ts).
 *
 * A session begins with its first command, alone; then commands may overtake each other, but only as
 * far as the group remembers answers. One whose first command was never answered is given up.
 */
import type { SessionMark } from '../engine/envelope.ts';
import { sessionLimits } from '../engine/sessions.ts';

/** Half of what the group remembers: a late one is never taken for one that is forgotten. */
const WINDOW = sessionLimits.answersPerSessionMax / 2;

export class ClientSession {
  readonly #client: string;
  /** In order: they are given out in order. */
  readonly #open = new Set<number>();
  #next = 1;
  #begun = false;
  /** Nothing more is begun in it. */
  #isOver = false;
  #waiting: (() => void)[] = [];

  constructor(client: string) {
    this.#client = client;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The mark of a new command; undefined where it has to wait, or the session is over. */
  enter(): SessionMark | undefined {
    const [oldest = this.#next] = this.#open;
    const hasRoom = this.#begun ? this.#next - oldest < WINDOW : this.#open.size === 0;
    if (this.#isOver || !hasRoom) return undefined;
    const sequence = this.#next++;
    this.#open.add(sequence);
    return { client: this.#client, sequence };
  }

  /** Settles when it is worth while to {@link enter} again. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** A command has ended; `answered` if the machine has. */
  leave({ sequence }: SessionMark, answered: boolean): void {
    this.#open.delete(sequence);
    if (answered) this.#begun = true;
    else if (!this.#begun) this.#isOver = true;
    this.#wake();
  }

  /** The group has forgotten it. */
  giveUp(): void {
    this.#isOver = true;
    this.#wake();
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }
}
