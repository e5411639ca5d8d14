/**
 * What clients are told when something fails: for each code of ours, etcd's gRPC status and exact
 * text. Clients of etcd compare these texts, so they are part of the interface.
 *
 * Source: etcd 3.6, api/v3rpc/rpctypes/error.go.
 */
import { type ErrorCode, QuorateError } from '../base/errors.ts';
import { etcdErrorCodes } from '../base/etcd-error-codes.ts';
import { type Status, type StatusName, statusCodes, statusFrom, statusOf } from '../grpc/status.ts';

type EtcdCode = keyof typeof etcdErrorCodes;

/** The status of each refusal that etcd knows. */
const statusNames: Readonly<Record<EtcdCode, StatusName>> = {
  'key-not-provided': 'invalid-argument',
  'key-not-found': 'invalid-argument',
  'value-provided': 'invalid-argument',
  'lease-provided': 'invalid-argument',
  'too-many-operations': 'invalid-argument',
  'duplicate-key': 'invalid-argument',
  'invalid-sort-option': 'invalid-argument',
  'invalid-client-api-version': 'invalid-argument',
  'invalid-peer-urls': 'invalid-argument',
  'request-too-large': 'invalid-argument',
  'user-name-empty': 'invalid-argument',
  'role-name-empty': 'invalid-argument',
  'authentication-failed': 'invalid-argument',
  'permission-not-given': 'invalid-argument',
  'invalid-auth-management': 'invalid-argument',
  'auth-revision-old': 'invalid-argument',
  'wrong-downgrade-version-format': 'invalid-argument',
  'invalid-downgrade-version': 'invalid-argument',
  compacted: 'out-of-range',
  'future-revision': 'out-of-range',
  'lease-ttl-too-large': 'out-of-range',
  'no-space': 'resource-exhausted',
  'too-many-requests': 'resource-exhausted',
  'lease-not-found': 'not-found',
  'member-not-found': 'not-found',
  'lease-exists': 'failed-precondition',
  'member-id-exists': 'failed-precondition',
  'peer-urls-exist': 'failed-precondition',
  'not-enough-started-members': 'failed-precondition',
  'not-a-learner': 'failed-precondition',
  'learner-not-ready': 'failed-precondition',
  'too-many-learners': 'failed-precondition',
  'cluster-id-mismatch': 'failed-precondition',
  'root-user-missing': 'failed-precondition',
  'root-role-missing': 'failed-precondition',
  'user-exists': 'failed-precondition',
  'user-not-found': 'failed-precondition',
  'role-exists': 'failed-precondition',
  'role-not-found': 'failed-precondition',
  'role-not-granted': 'failed-precondition',
  'permission-not-granted': 'failed-precondition',
  'auth-not-enabled': 'failed-precondition',
  'not-leader': 'failed-precondition',
  'not-capable': 'failed-precondition',
  'learner-unsupported': 'failed-precondition',
  'bad-leader-transferee': 'failed-precondition',
  'access-denied': 'permission-denied',
  'invalid-auth-token': 'unauthenticated',
  'corrupt-cluster': 'data-loss',
  'watch-canceled': 'cancelled',
  'request-canceled': 'cancelled',
  'leader-changed': 'unavailable',
  'server-stopped': 'unavailable',
  'request-timed-out': 'unavailable',
  'request-timed-out-leader-failure': 'unavailable',
  'request-timed-out-connection-lost': 'unavailable',
  'request-timed-out-apply-slow': 'unavailable',
  'unhealthy-cluster': 'unavailable',
  'election-no-leader': 'unknown',
  'election-not-leader': 'unknown',
  'election-leader-missing': 'unknown',
  'lock-session-expired': 'unknown',
  'negative-watch-revision': 'invalid-argument',
  'empty-watch-range': 'invalid-argument',
  'duplicate-watch-id': 'invalid-argument',
  'too-many-watches': 'resource-exhausted',
  'too-many-attempts': 'resource-exhausted',
};

/** Refusals whose text stands alone, as etcd gives it, or is our own. */
const texts: Partial<Readonly<Record<EtcdCode, string>>> = {
  'election-no-leader': 'election: no leader',
  'election-not-leader': 'election: not leader',
  'election-leader-missing': '"leader" field must be provided',
  'lock-session-expired': 'mutex: session is expired',
  'negative-watch-revision': 'etcdserver: mvcc: required revision has been compacted',
  'empty-watch-range': 'mvcc: watcher range is empty',
  'duplicate-watch-id': 'mvcc: duplicate watch ID provided on the WatchStream',
  'too-many-watches': 'etcdserver: too many watches on one stream',
  'too-many-attempts': 'etcdserver: too many authentication attempts',
};

/** What else may come up from below, as the refusal of etcd's that means it. */
const meanings: Partial<Readonly<Record<ErrorCode, EtcdCode>>> = {
  timeout: 'request-timed-out',
  closing: 'server-stopped',
  'member-failed': 'server-stopped',
  removed: 'server-stopped',
  aborted: 'request-canceled',
  'over-quota': 'too-many-requests',
  'too-many-calls': 'too-many-requests',
  'entry-too-large': 'request-too-large',
  'message-too-large': 'request-too-large',
  'leadership-lost': 'leader-changed',
  'stale-term': 'leader-changed',
  transferring: 'leader-changed',
  'connection-lost': 'request-timed-out-connection-lost',
  unreachable: 'request-timed-out-connection-lost',
  'disk-full': 'no-space',
  'unknown-member': 'member-not-found',
  'unsafe-change': 'unhealthy-cluster',
};

/** The status for whatever a handler threw. */
export function statusOfError(error: unknown): Status {
  const status = statusFrom(error);
  if (status !== undefined) return status;
  if (!(error instanceof QuorateError)) {
    return statusOf('unknown', error instanceof Error ? error.message : String(error));
  }
  if (error.code === 'no-leader') return statusOf('unavailable', 'etcdserver: no leader');
  const code = meanings[error.code] ?? error.code;
  if (!isEtcdCode(code))
    return statusOf(error.retryable ? 'unavailable' : 'unknown', error.message);
  return statusOf(statusNames[code], texts[code] ?? `etcdserver: ${etcdErrorCodes[code].meaning}`);
}

function isEtcdCode(code: ErrorCode): code is EtcdCode {
  return Object.hasOwn(statusNames, code);
}

/** gRPC's names of codes as Go prints them, for texts that carry a whole status. */
const goNames: Readonly<Record<number, string>> = {
  [statusCodes.cancelled]: 'Canceled',
  [statusCodes['invalid-argument']]: 'InvalidArgument',
  [statusCodes['permission-denied']]: 'PermissionDenied',
  [statusCodes.unauthenticated]: 'Unauthenticated',
  [statusCodes.unavailable]: 'Unavailable',
  [statusCodes['resource-exhausted']]: 'ResourceExhausted',
  [statusCodes['failed-precondition']]: 'FailedPrecondition',
};

/** Why a watch was canceled, in the words of etcd: refusals of access carry their whole status. */
export function cancelReason(error: QuorateError): string {
  const { code, message } = statusOfError(error);
  if (message.includes('mvcc: ')) return message;
  return `rpc error: code = ${goNames[code] ?? 'Unknown'} desc = ${message}`;
}
