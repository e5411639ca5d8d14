/** Certificates of a server: read from files, and read again whenever the files change. */
import { base64Of } from '../base/base64.ts';
import { QuorateError } from '../base/errors.ts';
import type { Answer, Cancel } from '../ports/callbacks.ts';
import type { Logger } from '../ports/logger.ts';
import type { Credentials } from '../ports/streams.ts';
import type { TextFiles } from '../ports/text-files.ts';
import type { TlsFiles } from './settings/settings.ts';

/** What reads them. */
export interface TlsReader {
  readonly textFiles: TextFiles;
  readonly logger: Logger;
}

/** The credentials in some files. Throws the errors of {@link TextFiles.read}. */
export async function readCredentials(
  { textFiles }: Pick<TlsReader, 'textFiles'>,
  files: TlsFiles,
): Promise<Credentials> {
  const read = (path: string): Promise<string> => settled((answer) => textFiles.read(path, answer));
  const [certificate, key, authority, revocationList] = await Promise.all([
    read(files.certificatePath),
    read(files.keyPath),
    files.authorityPath === undefined ? undefined : read(files.authorityPath),
    files.revocationListPath === undefined
      ? undefined
      : settled<Uint8Array>((answer) => textFiles.readBytes(files.revocationListPath!, answer)),
  ]);
  return {
    certificate,
    key,
    ...(authority === undefined ? {} : { authorities: [authority] }),
    ...(revocationList === undefined ? {} : { revocationLists: [pemOfList(revocationList)] }),
    ...(files.allowed === undefined ? {} : { allowed: files.allowed }),
    ...(files.protocol === undefined ? {} : { protocol: files.protocol }),
  };
}

/** A revocation list as PEM: authorities give them out as bare DER too, and etcd wants them so. */
function pemOfList(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  if (text.includes('-----BEGIN')) return text;
  const lines = base64Of(bytes).match(/.{1,64}/g) ?? [];
  return ['-----BEGIN X509 CRL-----', ...lines, '-----END X509 CRL-----', ''].join('\n');
}

/**
 * Reads them again when they change, and gives them to `use`. Files that are half written, or do not
 * belong together, are warned of; what was in use stays in use.
 */
export function watchCredentials(
  reader: TlsReader,
  files: TlsFiles,
  use: (credentials: Credentials) => void,
): Cancel {
  const { certificatePath, keyPath, authorityPath, revocationListPath } = files;
  const paths = [certificatePath, keyPath, authorityPath, revocationListPath];
  const given = paths.filter((path) => path !== undefined);
  return reader.textFiles.watch(given, () => {
    readCredentials(reader, files).then(
      (credentials) => {
        try {
          use(credentials);
          reader.logger.info({ paths: given }, 'new certificates are in use');
        } catch (err) {
          reader.logger.warn({ err, paths: given }, 'new certificates cannot be used');
        }
      },
      (err) => reader.logger.warn({ err, paths: given }, 'new certificates cannot be read'),
    );
  });
}

/** A promise for an answer of a port's. */
export function settled<T>(ask: (answer: Answer<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    ask((answer) => (answer instanceof QuorateError ? reject(answer) : resolve(answer)));
  });
}
