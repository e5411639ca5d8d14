/**
 * A job that runs on exactly the member that leads a group, and everything that it proposes is
 * fenced by the term it leads in.
 *
 * Safety rests on the fence alone: a command that names its term is refused, on every replica, once
 * that term has passed, however late it arrives (a leader that was paused cannot know that it no
 * longer leads). The signal is a courtesy to all else that the job does: it fires while nobody else
 * can lead yet, as far as clocks can be trusted. While a job runs, the leader asks a quorum again and
 * again whether it still leads; no other member can win an election within the shortest election
 * timeout after a quorum has said so, and the signal fires when half of that has gone by without it.
 */
import { QuorateError } from '../base/errors.ts';
import type { Cancel } from '../ports/callbacks.ts';
import type { Leadership } from './leadership.ts';

/** What a job needs of the group that it runs for. */
export interface LeadHost {
  readonly leadership: Leadership;
  onLeadership(listener: (leadership: Leadership) => void): () => void;
  /** Asks a quorum whether this member leads. */
  confirm(timeoutMs: number): Promise<unknown>;
  /** The shortest election timeout. */
  readonly electionTimeoutMs: number;
  nowMs(): number;
  after(delayMs: number, callback: () => void): Cancel;
  /** Settles when the member has ended, or the group is no more. */
  readonly closed: Promise<QuorateError | null>;
}

/** One stretch of leading: from being told so to losing it, or to the end of the job. */
interface Stretch {
  readonly term: number;
  readonly controller: AbortController;
}

/** How often a leader is asked for in the time after which the signal fires. */
const LOOKS = 4;

/**
 * Runs `job` whenever this member leads, until it ends while leading.
 * @returns what the job returned while it led
 * @throws what the job threw while it led; QuorateError `aborted` if `signal` fired, `closing`
 */
export function runLeading<Value>(
  host: LeadHost,
  job: (term: number, signal: AbortSignal) => Value | Promise<Value>,
  signal?: AbortSignal,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    let stretch: Stretch | undefined;
    let running = false;
    let over = false;
    let stopWatching: Cancel = () => {};

    const stop = (reason: QuorateError): void => {
      stopWatching();
      stretch?.controller.abort(reason);
      stretch = undefined;
    };
    const end = (settle: () => void): void => {
      if (over) return;
      over = true;
      stop(new QuorateError('closing', 'the job has ended'));
      stopListening();
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    const onAbort = (): void => {
      const error = new QuorateError('aborted', 'the job was given up', { cause: signal?.reason });
      stop(error);
      end(() => reject(error));
    };
    const begin = async (term: number): Promise<void> => {
      const mine: Stretch = { term, controller: new AbortController() };
      stretch = mine;
      running = true;
      stopWatching = watch(host, () => {
        stop(lost(term));
        // Leading may go on after all: then the job starts anew.
        look();
      });
      try {
        const value = await job(term, mine.controller.signal);
        if (stretch === mine) end(() => resolve(value));
      } catch (error) {
        if (stretch === mine) end(() => reject(error as Error));
      } finally {
        // One at a time: the next stretch waits until the job has seen its signal and returned.
        running = false;
        look();
      }
    };
    const look = (): void => {
      if (over) return;
      const { isLeader, term } = host.leadership;
      if (stretch !== undefined && (!isLeader || term !== stretch.term)) stop(lost(stretch.term));
      if (!isLeader || running || stretch !== undefined) return;
      running = true;
      // A leader that has just been elected, or was cut off, first has to hear that it leads.
      host.confirm(host.electionTimeoutMs).then(
        () => {
          running = false;
          const now = host.leadership;
          if (over || !now.isLeader) return;
          if (now.term === term) void begin(term);
          else look();
        },
        () => {
          running = false;
          if (!over) host.after(host.electionTimeoutMs / LOOKS, look);
        },
      );
    };
    let stopListening: () => void = () => {};
    stopListening = host.onLeadership(() => look());
    void host.closed.then((error) => {
      const closing = new QuorateError('closing', 'the member has closed', { cause: error });
      end(() => reject(error?.code === 'group-deleted' ? error : closing));
    });
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function lost(term: number): QuorateError {
  return new QuorateError('leadership-lost', `this member leads no longer in term ${term}`);
}

/** Calls `expired` once when no quorum has said for too long that this member leads. */
function watch(host: LeadHost, expired: () => void): Cancel {
  const limitMs = host.electionTimeoutMs / 2;
  let confirmedMs = host.nowMs();
  let stopped = false;
  let cancel: Cancel = () => {};
  const look = (): void => {
    if (stopped) return;
    const askedMs = host.nowMs();
    if (askedMs - confirmedMs >= limitMs) {
      stopped = true;
      expired();
      return;
    }
    host.confirm(limitMs).then(
      () => {
        confirmedMs = Math.max(confirmedMs, askedMs);
      },
      // Not confirmed: time will tell.
      () => {},
    );
    cancel = host.after(limitMs / LOOKS, look);
  };
  look();
  return () => {
    stopped = true;
    cancel();
  };
}
