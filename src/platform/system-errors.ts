/**
 * The system's errors in the project's words. The system's own name stays in `details.system`, and
 * the error itself is the cause.
 */
import { type ErrorCode, QuorateError } from '../base/errors.ts';

/** An error with the system's name, as Node's functions give it. */
export type SystemError = Error & { readonly code?: string };

/** The system's name of an error, or the empty string. */
export function systemCode(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const { code } = error as SystemError;
  return typeof code === 'string' ? code : '';
}

const diskCodes: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'disk-full',
  EDQUOT: 'disk-full',
  EFBIG: 'file-too-large',
  ENOENT: 'file-not-found',
  ENOTDIR: 'file-not-found',
  EISDIR: 'file-not-found',
  EEXIST: 'file-exists',
  ENOTEMPTY: 'directory-not-empty',
  EACCES: 'permission-denied',
  EPERM: 'permission-denied',
  EROFS: 'permission-denied',
  EMFILE: 'too-many-files',
  ENFILE: 'too-many-files',
};

/** What a disk's operation failed with. `doing` is a phrase such as `reading`. */
export function diskError(
  error: unknown,
  facts: { doing: string; path: string; inUse?: readonly string[] },
): QuorateError {
  if (error instanceof QuorateError) return error;
  const system = systemCode(error);
  const code = facts.inUse?.includes(system) ? 'file-in-use' : (diskCodes[system] ?? 'disk-failed');
  return new QuorateError(code, `${facts.doing} ${facts.path || 'the root'}: ${system || error}`, {
    cause: error,
    details: { path: facts.path, system },
  });
}

/** What a sync failed with: a full disk has a name of its own only when nothing was lost. */
export function syncError(error: unknown, path: string): QuorateError {
  const system = systemCode(error);
  return new QuorateError('disk-sync-failed', `syncing ${path || 'the root'}: ${system || error}`, {
    cause: error,
    details: { path, system },
  });
}

const socketCodes: Readonly<Record<string, ErrorCode>> = {
  EADDRINUSE: 'address-in-use',
  EADDRNOTAVAIL: 'address-unavailable',
  EACCES: 'permission-denied',
  EPERM: 'permission-denied',
  EMFILE: 'too-many-files',
  ENFILE: 'too-many-files',
  ENOTFOUND: 'name-not-resolved',
  EAI_AGAIN: 'name-not-resolved',
  EAI_NODATA: 'name-not-resolved',
  ECONNREFUSED: 'connection-refused',
  ECONNRESET: 'connection-reset',
  ECONNABORTED: 'connection-reset',
  EPIPE: 'connection-reset',
  ETIMEDOUT: 'connection-timeout',
  EHOSTUNREACH: 'host-unreachable',
  ENETUNREACH: 'host-unreachable',
  EHOSTDOWN: 'host-unreachable',
  ENETDOWN: 'host-unreachable',
  EMSGSIZE: 'packet-too-large',
};

/** What a socket's operation failed with; `otherwise` names what the table does not know. */
export function socketError(
  error: unknown,
  facts: { doing: string; otherwise: ErrorCode },
): QuorateError {
  if (error instanceof QuorateError) return error;
  const system = systemCode(error);
  const reason = error instanceof Error && error.message !== '' ? error.message : system;
  return new QuorateError(socketCodes[system] ?? facts.otherwise, `${facts.doing}: ${reason}`, {
    cause: error,
    details: { system },
  });
}
