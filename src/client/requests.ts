/**
 * A client's requests: each is tried, on one member after the other, until it is answered, fails for
 * good, is given up or reaches its deadline. What may have taken effect is only sent again where
 * that can do no harm: in a session, or where it changes nothing.
 */
import type { CancelSignal } from '../base/cancel-signal.ts';
import { QuorateError } from '../base/errors.ts';
import type { ClientCall, ClientCallType } from '../engine/client-calls.ts';
import type { RequestOptions } from '../member/requests.ts';
import type { ClientPorts, Connection } from './connection.ts';

/** One member is given no longer than this; then another is asked. */
const ATTEMPT_MS_MAX = 2000;
/** Between attempts: it doubles, and half of it is drawn. */
const WAIT_MS_MIN = 10;
const WAIT_MS_MAX = 500;
/** Requests that may wait at a time. */
const REQUESTS_MAX = 10_000;

export class ClientRequests {
  readonly #ports: ClientPorts;
  readonly #connection: Connection;
  readonly #defaultTimeoutMs: number;
  readonly #open = new Set<Request>();
  #closed = false;

  constructor(ports: ClientPorts, connection: Connection, defaultTimeoutMs: number) {
    this.#ports = ports;
    this.#connection = connection;
    this.#defaultTimeoutMs = defaultTimeoutMs;
  }

  /** Runs `work` until it ends, the deadline comes or the caller gives up. */
  async run<Value>(
    options: RequestOptions,
    work: (request: Request) => Promise<Value>,
  ): Promise<Value> {
    const { signal, timeoutMs = this.#defaultTimeoutMs } = options;
    if (this.#closed) throw closed(false);
    if (signal?.aborted === true) throw aborted(signal, false);
    if (this.#open.size >= REQUESTS_MAX) {
      throw new QuorateError('over-quota', `${REQUESTS_MAX} requests are waiting already`);
    }
    const request = new Request(this.#ports, this.#connection, timeoutMs);
    const onAbort = (): void => request.end((maybeApplied) => aborted(signal!, maybeApplied));
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#open.add(request);
    try {
      return await work(request);
    } finally {
      request.finish();
      this.#open.delete(request);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  close(): void {
    this.#closed = true;
    for (const request of this.#open) request.end(closed);
  }
}

/** One request of a client, through all its attempts. */
export class Request {
  /** How often the last question was sent. */
  attempts = 0;
  readonly #ports: ClientPorts;
  readonly #connection: Connection;
  readonly #deadlineMs: number;
  readonly #cancelTimer: () => void;
  readonly #ended: Promise<never>;
  #reject: (error: Error) => void = () => {};
  #over: QuorateError | undefined;
  /** Whether the command is on its way, or an earlier attempt left it open what became of it. */
  #isUnderWay = false;
  #isUnknown = false;
  #lastError: QuorateError | undefined;

  constructor(ports: ClientPorts, connection: Connection, timeoutMs: number) {
    this.#ports = ports;
    this.#connection = connection;
    this.#deadlineMs = ports.clock.monotonicMs() + timeoutMs;
    this.#ended = new Promise((_, reject) => {
      this.#reject = reject;
    });
    // Whether somebody waits for it just now or not.
    this.#ended.catch(() => {});
    this.#cancelTimer = ports.clock.after(Math.min(timeoutMs, 2 ** 31 - 1), () =>
      this.end((maybeApplied) => {
        const cause = this.#lastError;
        const because = cause === undefined ? '' : `; the last attempt failed: ${cause.code}`;
        const text = `no member answered before the deadline${because}`;
        return new QuorateError('timeout', text, { maybeApplied, cause });
      }),
    );
  }

  /** Fails whatever waits. */
  end(why: (maybeApplied: boolean) => QuorateError): void {
    this.#over ??= why(this.#isUnderWay || this.#isUnknown);
    this.#reject(this.#over);
  }

  /** Nothing waits any more. */
  finish(): void {
    this.#cancelTimer();
  }

  /** What `promise` brings, unless the request ends before. */
  within<Value>(promise: Promise<Value>): Promise<Value> {
    return Promise.race([promise, this.#ended]);
  }

  /** Asks until there is an answer. */
  async ask(type: ClientCallType, call: Omit<ClientCall, 'timeoutMs'>): Promise<Uint8Array> {
    const changesNothing = type === 'query' || type === 'backup';
    const repeatable = changesNothing || call.session !== undefined;
    let hopeless = 0;
    this.attempts = 0;
    for (let waitMs = WAIT_MS_MIN; ; waitMs = Math.min(2 * waitMs, WAIT_MS_MAX)) {
      const leftMs = Math.max(1, this.#deadlineMs - this.#ports.clock.monotonicMs());
      const timeoutMs = Math.min(leftMs, ATTEMPT_MS_MAX);
      this.attempts++;
      this.#isUnderWay = !changesNothing;
      try {
        return await this.within(this.#connection.call(type, { ...call, timeoutMs }));
      } catch (error) {
        if (!(error instanceof QuorateError) || error === this.#over) throw error;
        if (error.maybeApplied && !repeatable) throw error;
        if (!isWorthAnother(error) && ++hopeless >= this.#connection.endpointCount) throw error;
        if (final.has(error.code)) throw error;
        if (type === 'backup' && finalOfBackup.has(error.code)) throw error;
        this.#isUnderWay = false;
        this.#isUnknown ||= error.maybeApplied && !changesNothing;
        this.#lastError = error;
      }
      await this.within(this.#sleep(waitMs * (0.5 + this.#ports.random.fraction() / 2)));
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#ports.clock.after(ms, resolve));
  }
}

/** Another member, or a later moment, may help. */
function isWorthAnother({ code, retryable }: QuorateError): boolean {
  return retryable || code === 'unknown-group' || code === 'replica-diverged';
}

/** What every member would say. */
const final: ReadonlySet<string> = new Set([
  'session-expired',
  'answer-not-kept',
  'entry-too-large',
  'message-too-large',
  'malformed-message',
]);

/** A backup is taken of one member, and what is not there does not come. */
const finalOfBackup: ReadonlySet<string> = new Set(['unknown-group', 'unknown-transfer']);

function closed(maybeApplied: boolean): QuorateError {
  return new QuorateError('closing', 'the client has closed', { maybeApplied });
}

function aborted(signal: CancelSignal, maybeApplied: boolean): QuorateError {
  return new QuorateError('aborted', 'the caller gave up', { maybeApplied, cause: signal.reason });
}
