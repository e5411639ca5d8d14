/**
 * What became of requests, and how long they took: figures for metrics, and a line in the log for
 * each one that was slow. Every request passes through here, so it costs a clock's reading and two
 * sums; texts and labels are made when somebody asks.
 */
import type { GroupId } from '../engine/event.ts';
import type { Outcome } from '../engine/machine.ts';
import type { Logger } from '../ports/logger.ts';

/** What may be asked of a group. */
export const requestKinds = ['propose', 'read', 'call-leader', 'transfer-leadership'] as const;
export type RequestKind = (typeof requestKinds)[number];

/** A request that is being waited for. */
export interface RequestFacts {
  readonly kind: RequestKind;
  readonly group: GroupId;
  readonly beganMs: number;
}

/** The upper bound of the first bucket in ms; each one is twice that of the one before. */
const firstBoundMs = 0.25;
const bucketCount = 16;

/** Upper bounds of the buckets in seconds, the last one (everything) left out. */
export const boundsSeconds: readonly number[] = Array.from(
  { length: bucketCount },
  (_, at) => (firstBoundMs * 2 ** at) / 1000,
);

/** How often each outcome came, and after how long. */
export class RequestFigures {
  /** By how long they took: the number within each bound that was beyond the one before. */
  readonly buckets = new Float64Array(bucketCount + 1);
  secondsSum = 0;
  answered = 0;
  /** By the error's code; those without one are a machine's own refusals. */
  readonly failed = new Map<string, number>();

  took(ms: number): void {
    this.secondsSum += ms / 1000;
    const bounds = Math.ceil(Math.min(ms / firstBoundMs, 2 ** bucketCount));
    // How often the first bound must be doubled to reach it: a bound belongs to its bucket.
    const bucket = bounds === 0 ? 0 : 32 - Math.clz32(bounds - 1);
    this.buckets[bucket]!++;
  }
}

export interface SlowRequestOptions {
  /** Requests that take longer are logged; infinity for none. */
  readonly slowRequestMs: number;
  /** Lines a second at most: what is beyond is counted, and said with the next line. */
  readonly linesPerSecondMax: number;
}

export const slowRequestDefaults: SlowRequestOptions = {
  slowRequestMs: 1000,
  linesPerSecondMax: 10,
};

export class RequestWatch {
  readonly figures: Readonly<Record<RequestKind, RequestFigures>> = {
    propose: new RequestFigures(),
    read: new RequestFigures(),
    'call-leader': new RequestFigures(),
    'transfer-leadership': new RequestFigures(),
  };
  slow = 0;
  readonly #nowMs: () => number;
  readonly #logger: Logger;
  readonly #options: SlowRequestOptions;
  /** Lines since `#sinceMs`, and those that were left out. */
  #lines = 0;
  #leftOut = 0;
  #sinceMs = Number.NEGATIVE_INFINITY;

  constructor(init: {
    readonly nowMs: () => number;
    readonly logger: Logger;
    readonly options?: Partial<SlowRequestOptions>;
  }) {
    this.#nowMs = init.nowMs;
    this.#logger = init.logger;
    this.#options = { ...slowRequestDefaults, ...init.options };
  }

  /** A request has its outcome. */
  ended(facts: RequestFacts, outcome: Outcome): void {
    const tookMs = this.#nowMs() - facts.beganMs;
    const figures = this.figures[facts.kind];
    figures.took(tookMs);
    if (outcome.ok) {
      figures.answered++;
    } else {
      const code = codeOf(outcome.error);
      figures.failed.set(code, (figures.failed.get(code) ?? 0) + 1);
    }
    if (tookMs > this.#options.slowRequestMs) this.#wasSlow(facts, outcome, tookMs);
  }

  #wasSlow({ kind, group, beganMs }: RequestFacts, outcome: Outcome, tookMs: number): void {
    this.slow++;
    const nowMs = beganMs + tookMs;
    if (nowMs - this.#sinceMs >= 1000) {
      this.#sinceMs = nowMs;
      this.#lines = 0;
    }
    if (this.#lines >= this.#options.linesPerSecondMax) {
      this.#leftOut++;
      return;
    }
    this.#lines++;
    const facts = {
      kind,
      group,
      tookMs: Math.round(tookMs),
      outcome: outcome.ok ? 'answered' : codeOf(outcome.error),
      ...(this.#leftOut === 0 ? {} : { moreBefore: this.#leftOut }),
    };
    this.#leftOut = 0;
    this.#logger.warn(facts, 'a request was slow');
  }
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : 'refused';
}
