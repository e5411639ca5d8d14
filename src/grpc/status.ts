/**
 * How a call ends: one of gRPC's seventeen codes and a text. Inside this house a failed call is a
 * {@link QuorateError} with the code `rpc-failed`, which carries the status in its details.
 *
 * Source: grpc/grpc, doc/statuscodes.md and doc/PROTOCOL-HTTP2.md ("HTTP2 Status Code to gRPC").
 */
import { QuorateError } from '../base/errors.ts';
import type { Metadata } from './metadata.ts';

/** The codes, by their names in gRPC's documents. */
export const statusCodes = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  'invalid-argument': 3,
  'deadline-exceeded': 4,
  'not-found': 5,
  'already-exists': 6,
  'permission-denied': 7,
  'resource-exhausted': 8,
  'failed-precondition': 9,
  aborted: 10,
  'out-of-range': 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  'data-loss': 15,
  unauthenticated: 16,
} as const;

/** A code's name. */
export type StatusName = keyof typeof statusCodes;

/** How a call has ended. */
export interface Status {
  /** 0 … 16; later codes than these are passed on as they are. */
  readonly code: number;
  readonly message: string;
  /** Sent along with the status, as trailers. */
  readonly metadata?: Metadata;
}

export const okStatus: Status = { code: statusCodes.ok, message: '' };

/** A status by its code's name. */
export function statusOf(name: StatusName, message: string): Status {
  return { code: statusCodes[name], message };
}

/** The error for a call that ended so. `unavailable` may be tried again. */
export function rpcError(status: Status, facts: { readonly cause?: unknown } = {}): QuorateError {
  return new QuorateError(
    status.code === statusCodes.unavailable ? 'rpc-unavailable' : 'rpc-failed',
    status.message,
    { ...facts, details: { status } },
  );
}

/** The status that an error made by {@link rpcError} carries. */
export function statusFrom(error: unknown): Status | undefined {
  if (!(error instanceof QuorateError)) return undefined;
  if (error.code !== 'rpc-failed' && error.code !== 'rpc-unavailable') return undefined;
  return error.details.status as Status;
}

/** What an answer without a gRPC status means, by its HTTP status. */
export function statusOfHttp(http: number): Status {
  const message = `the server answered with HTTP status ${http} and no gRPC status`;
  switch (http) {
    case 400:
      return statusOf('internal', message);
    case 401:
      return statusOf('unauthenticated', message);
    case 403:
      return statusOf('permission-denied', message);
    case 404:
      return statusOf('unimplemented', message);
    case 429:
    case 502:
    case 503:
    case 504:
      return statusOf('unavailable', message);
    default:
      return statusOf('unknown', message);
  }
}
