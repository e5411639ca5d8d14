/** What all TLS here has in common: versions, credentials, no resumption, and the errors' words. */
import { constants } from 'node:crypto';
import tls, { type PeerCertificate, type SecureContextOptions } from 'node:tls';
import { QuorateError } from '../base/errors.ts';
import type { AllowedNames, Credentials, TlsProtocol } from '../ports/streams.ts';
import { opensslSuites } from './cipher-suites.ts';
import { systemCode } from './system-errors.ts';

/**
 * Node's options for one side's credentials. Sessions are not resumed: a resumed one would not look
 * at certificates and revocation lists again, so that a client whose certificate was revoked could
 * come back with its ticket.
 */
export function contextOptions(credentials: Credentials): SecureContextOptions {
  const { certificate, key, authorities, revocationLists, protocol = {} } = credentials;
  return {
    ...protocolOptions(protocol),
    secureOptions: constants.SSL_OP_NO_TICKET,
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
    ...(authorities === undefined ? {} : { ca: [...authorities] }),
    ...(revocationLists === undefined ? {} : { crl: [...revocationLists] }),
  };
}

function protocolOptions({
  versionMin,
  versionMax,
  cipherSuites = [],
}: TlsProtocol): SecureContextOptions {
  return {
    minVersion: `TLSv${versionMin ?? '1.2'}`,
    ...(versionMax === undefined ? {} : { maxVersion: `TLSv${versionMax}` as const }),
    ...(cipherSuites.length === 0 ? {} : { ciphers: opensslSuites(cipherSuites) }),
  };
}

/** Why a side that has shown this certificate is not one of those that are allowed, or nothing. */
export function disallowed(
  { commonNames = [], hostNames = [] }: AllowedNames,
  certificate: PeerCertificate,
): string | undefined {
  const commonName = String(certificate.subject?.CN ?? '');
  if (commonNames.length > 0 && !commonNames.includes(commonName)) {
    return `client certificate authentication failed: CN "${commonName}" is not allowed`;
  }
  if (hostNames.length === 0) return undefined;
  const fits = hostNames.some((name) => tls.checkServerIdentity(name, certificate) === undefined);
  return fits
    ? undefined
    : 'client certificate authentication failed: none of its names is allowed';
}

/** What went wrong with TLS, in OpenSSL's words. */
export function tlsError(error: unknown, doing: string): QuorateError {
  const reason = error instanceof Error ? error.message : String(error);
  return new QuorateError('tls-failed', `${doing}: ${reason}`, {
    cause: error,
    details: { system: systemCode(error) },
  });
}
