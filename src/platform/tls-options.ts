/** What all TLS here has in common: versions, credentials, no resumption, and the errors' words. */
import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { QuorateError } from '../base/errors.ts';
import type { Credentials } from '../ports/streams.ts';
import { systemCode } from './system-errors.ts';

/**
 * Node's options for one side's credentials. Sessions are not resumed: a resumed one would not look
 * at certificates and revocation lists again, so that a client whose certificate was revoked could
 * come back with its ticket.
 */
export function contextOptions(credentials: Credentials): SecureContextOptions {
  const { certificate, key, authorities, revocationLists } = credentials;
  return {
    minVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_TICKET,
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
    ...(authorities === undefined ? {} : { ca: [...authorities] }),
    ...(revocationLists === undefined ? {} : { crl: [...revocationLists] }),
  };
}

/** What went wrong with TLS, in OpenSSL's words. */
export function tlsError(error: unknown, doing: string): QuorateError {
  const reason = error instanceof Error ? error.message : String(error);
  return new QuorateError('tls-failed', `${doing}: ${reason}`, {
    cause: error,
    details: { system: systemCode(error) },
  });
}
