/** What is set about TLS, on the side of the clients and between members. */
import type { AllowedNames, TlsProtocol, TlsVersion } from '../../ports/streams.ts';
import type { FlagName } from './flag-table.ts';
import type { Flags } from './flag-texts.ts';
import { invalid } from './given-flags.ts';

/** Files of one side's TLS, and what is demanded of the other side. */
export interface TlsFiles {
  readonly certificatePath: string;
  readonly keyPath: string;
  /** Authorities that the other side's certificate must come from; given, one is required. */
  readonly authorityPath?: string;
  readonly clientCertificateRequired: boolean;
  readonly revocationListPath?: string;
  readonly allowed?: AllowedNames;
  readonly protocol?: TlsProtocol;
}

interface TlsFlags {
  readonly certificate: FlagName;
  readonly key: FlagName;
  readonly authority: FlagName;
  readonly required: FlagName;
  readonly revocation: FlagName;
  readonly commonNames?: FlagName;
  readonly hostNames: FlagName;
}

/** Throws `invalid-config`. */
export function clientTls(flags: Flags): TlsFiles | undefined {
  return tlsFiles(flags, {
    certificate: 'cert-file',
    key: 'key-file',
    authority: 'trusted-ca-file',
    required: 'client-cert-auth',
    revocation: 'client-crl-file',
    hostNames: 'client-cert-allowed-hostname',
  });
}

/** Throws `invalid-config`. */
export function peerTls(flags: Flags): TlsFiles | undefined {
  // A member has one certificate, for both directions.
  for (const side of ['cert', 'key'] as const) {
    const [own, dialing] = [`peer-${side}-file`, `peer-client-${side}-file`] as const;
    if (flags.text(dialing) !== '' && flags.text(dialing) !== flags.text(own)) {
      throw invalid(
        `--${dialing}: members show the certificate of --peer-cert-file when they dial`,
      );
    }
  }
  return tlsFiles(flags, {
    certificate: 'peer-cert-file',
    key: 'peer-key-file',
    authority: 'peer-trusted-ca-file',
    required: 'peer-client-cert-auth',
    revocation: 'peer-crl-file',
    commonNames: 'peer-cert-allowed-cn',
    hostNames: 'peer-cert-allowed-hostname',
  });
}

function tlsFiles(flags: Flags, names: TlsFlags): TlsFiles | undefined {
  const [certificatePath, keyPath, authorityPath, revocationListPath] = [
    flags.text(names.certificate),
    flags.text(names.key),
    flags.text(names.authority),
    flags.text(names.revocation),
  ];
  if (certificatePath === '' && keyPath === '') return undefined;
  if (certificatePath === '' || keyPath === '') {
    throw invalid(
      `KeyFile and CertFile must both be present[key: ${keyPath}, cert: ${certificatePath}]`,
    );
  }
  if (revocationListPath !== '' && authorityPath === '') {
    throw invalid(`${names.revocation} needs ${names.authority}`);
  }
  const allowed = allowedNames(flags, names);
  if (allowed !== undefined && authorityPath === '') {
    throw invalid(`${names.hostNames} and allowed CNs need ${names.authority}`);
  }
  return {
    certificatePath,
    keyPath,
    ...(authorityPath === '' ? {} : { authorityPath }),
    ...(revocationListPath === '' ? {} : { revocationListPath }),
    // As in etcd: who names authorities wants certificates.
    clientCertificateRequired: flags.switch(names.required) || authorityPath !== '',
    ...(allowed === undefined ? {} : { allowed }),
    protocol: tlsProtocol(flags),
  };
}

function allowedNames(flags: Flags, names: TlsFlags): AllowedNames | undefined {
  const commonNames = names.commonNames === undefined ? [] : flags.list(names.commonNames);
  const hostNames = flags.list(names.hostNames);
  if (commonNames.length > 0 && hostNames.length > 0) {
    throw invalid(`${names.commonNames} and ${names.hostNames} cannot be given together`);
  }
  return commonNames.length + hostNames.length === 0 ? undefined : { commonNames, hostNames };
}

/** Versions and suites, the same on both sides. Throws `invalid-config`. */
export function tlsProtocol(flags: Flags): TlsProtocol {
  const versionMin = tlsVersion(flags, 'tls-min-version') ?? '1.2';
  const versionMax = tlsVersion(flags, 'tls-max-version');
  if (versionMax !== undefined && versionMax < versionMin) {
    throw invalid(`min version (TLS${versionMin}) is greater than max version (TLS${versionMax})`);
  }
  const cipherSuites = flags.list('cipher-suites');
  if (versionMin === '1.3' && cipherSuites.length > 0) {
    throw invalid('cipher suites cannot be configured when only TLS1.3 is enabled');
  }
  return { versionMin, ...(versionMax === undefined ? {} : { versionMax }), cipherSuites };
}

function tlsVersion(flags: Flags, name: FlagName): TlsVersion | undefined {
  const text = flags.text(name);
  if (text === '') return undefined;
  if (text === 'TLS1.2') return '1.2';
  if (text === 'TLS1.3') return '1.3';
  throw invalid(`${name}: unexpected TLS version "${text}" (must be one of: TLS1.2, TLS1.3)`);
}
