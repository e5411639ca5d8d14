/**
 * Holds one watch to its word, all nine of them (reliability.md, 9): filtered, ordered, unique,
 * atomic, complete, resumable, bookmarks true, is-create and prev-kv right, from past, future and
 * compacted revisions.
 */
import type { Kv, WatchCreateRequest, WatchResponse, WatchStream } from '../../src/kv/api.ts';
import { text } from './kv-cluster.ts';
import type { Truth } from './truth.ts';

export class WatchChecker {
  readonly #truth: Truth;
  readonly #name: string;
  readonly #request: WatchCreateRequest;
  readonly #stream: WatchStream;
  /** Everything below it must have been told. */
  #next: number;
  #created = false;
  #paused = false;
  over = false;
  /** Events that were told, for tests that ask whether a run was worth anything. */
  events = 0;
  bookmarks = 0;

  constructor(
    kv: Kv,
    truth: Truth,
    {
      name,
      request,
      pauses,
    }: {
      readonly name: string;
      readonly request: WatchCreateRequest;
      /** Whether the client now and then takes no more. */
      readonly pauses: () => boolean;
    },
  ) {
    this.#truth = truth;
    this.#name = name;
    this.#request = request;
    const { revision } = kv.header();
    this.#next = request.startRevision === 0 ? revision + 1 : request.startRevision;
    this.#stream = kv.watch({
      send: (response) => {
        this.#take(response);
        this.#paused ||= pauses();
        return !this.#paused;
      },
      ended: () => {
        this.over = true;
      },
    });
    this.#stream.create(request);
  }

  /** Where another watch goes on from. */
  get next(): number {
    return this.#next;
  }

  progress(): void {
    this.#stream.progress();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#stream.resume();
  }

  close(): void {
    this.over = true;
    this.#stream.close();
  }

  /** Whether it has been told all that there is. */
  get complete(): boolean {
    for (let at = this.#next; at <= this.#truth.latest; at++)
      if (this.#wanted(at).length > 0) return false;
    return true;
  }

  #take(response: WatchResponse): void {
    if (this.over) {
      // What is said of the stream no longer speaks of a watch that was canceled.
      if (response.watchId !== -1n) this.#complain('told of something after its end');
      return;
    }
    if (response.created) {
      if (this.#created) this.#complain('created twice');
      this.#created = true;
      return;
    }
    if (response.canceled) {
      const { compactRevision } = response;
      if (compactRevision <= this.#next)
        this.#complain(`compacted at ${compactRevision}, is at ${this.#next}`);
      if (response.revision !== 0 || response.events.length > 0)
        this.#complain('canceled with more to say');
      this.over = true;
      return;
    }
    if (response.events.length === 0) return this.#bookmark(response.revision);
    let at = 0;
    const { events } = response;
    while (at < events.length) {
      const revision = events[at]!.kv.modRevision;
      if (revision < this.#next) this.#complain(`told of ${revision} after ${this.#next - 1}`);
      this.#nothingBetween(revision);
      const wanted = this.#wanted(revision);
      const told = events.slice(at, at + wanted.length);
      const same = wanted.every(({ type, key, value }, i) => {
        const event = told[i];
        return (
          event?.type === type &&
          text(event.kv.key) === key &&
          text(event.kv.value) === value &&
          event.kv.modRevision === revision
        );
      });
      if (!same || wanted.length === 0) this.#complain(`revision ${revision} is not what was told`);
      for (const event of told) this.#checkPrevious(event);
      at += Math.max(told.length, 1);
      this.events += told.length;
      this.#next = revision + 1;
    }
    if (response.revision < this.#next - 1) this.#complain('a header below its events');
  }

  #checkPrevious({ type, kv, prevKv }: WatchResponse['events'][number]): void {
    const before = this.#truth.state(text(kv.key), kv.modRevision - 1);
    if (type === 'put') {
      const created = kv.createRevision === kv.modRevision;
      if (created !== (before === undefined)) this.#complain(`is-create at ${kv.modRevision}`);
    }
    if (!this.#request.prevKv) {
      if (prevKv !== undefined) this.#complain('prev-kv that nobody asked for');
    } else if (prevKv !== undefined)
      this.#truth.checkKey(prevKv, kv.modRevision - 1, `${this.#name}, prev-kv`);
    else if (
      before !== undefined &&
      before.modRevision > 0 &&
      !this.compacted(before.modRevision, kv.modRevision)
    ) {
      this.#complain(`no prev-kv at ${kv.modRevision}`);
    }
  }

  /** Whether a compaction may have taken away what was before. */
  compacted: (modRevision: number, at: number) => boolean = () => false;

  #bookmark(revision: number): void {
    this.bookmarks++;
    this.#nothingBetween(revision + 1);
    this.#next = Math.max(this.#next, revision + 1);
  }

  /** Nothing that it wants may lie between what it knows and that revision. */
  #nothingBetween(revision: number): void {
    for (let at = this.#next; at < revision; at++) {
      if (this.#wanted(at).length > 0) this.#complain(`${at} is missing before ${revision}`);
    }
  }

  #wanted(revision: number) {
    const { key, rangeEnd, noPut, noDelete } = this.#request;
    const from = text(key);
    const to = text(rangeEnd);
    return this.#truth.changes(revision).filter((change) => {
      const inside = to === '' ? change.key === from : change.key >= from && change.key < to;
      return inside && !(change.type === 'put' ? noPut : noDelete);
    });
  }

  #complain(what: string): void {
    this.#truth.wrong.push(`${this.#name} from ${this.#request.startRevision}: ${what}`);
  }
}
