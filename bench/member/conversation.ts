/**
 * What a measured process is asked and what it answers: one line of JSON each way, in order. Both
 * contenders speak it, so that the same parent measures both in the same way.
 */

export type Ask =
  /** Keep writes under way for some seconds, or until so many are acknowledged. */
  | {
      readonly type: 'write';
      readonly inFlight: number;
      readonly bytes: number;
      readonly seconds: number;
      readonly countMax: number;
    }
  /** Keep linearizable reads under way. */
  | { readonly type: 'read'; readonly inFlight: number; readonly seconds: number }
  /** Try until one write is acknowledged. */
  | { readonly type: 'first-write' }
  /** What this process has used so far. */
  | { readonly type: 'usage' }
  | { readonly type: 'leader' }
  | { readonly type: 'close' };

export type Answer =
  /** Requests are taken: sent once, unasked. */
  | { readonly type: 'ready' }
  | {
      readonly type: 'done';
      readonly operations: number;
      readonly seconds: number;
      readonly medianMs: number;
    }
  | { readonly type: 'usage'; readonly cpuUs: number; readonly rssBytes: number }
  | { readonly type: 'leader'; readonly isLeader: boolean };
