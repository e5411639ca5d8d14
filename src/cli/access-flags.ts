/** Flags by which commands reach a running member, and what is made of them. */
import { type Client, connect, readAccess } from '../client.ts';

/** The flags, for {@link parseFlags}. */
export const accessKinds = {
  member: 'text',
  'secret-file': 'text',
  'ca-file': 'text',
  'cert-file': 'text',
  'key-file': 'text',
} as const;

/** What is said of them. */
export const accessUsage = `  --secret-file FILE     the members' secret, if they have one
  --ca-file, --cert-file, --key-file FILE   PEM, if they use TLS`;

/** What was given of them. */
export type AccessFlags = { readonly [Name in keyof typeof accessKinds]: string | undefined };

/** A client of the one member that --member names. Throws what a file is refused with. */
export async function clientOf(address: string, flags: AccessFlags): Promise<Client> {
  const files = {
    ...(flags['secret-file'] === undefined ? {} : { secretFile: flags['secret-file'] }),
    ...(flags['ca-file'] === undefined ? {} : { caFile: flags['ca-file'] }),
    ...(flags['cert-file'] === undefined ? {} : { certFile: flags['cert-file'] }),
    ...(flags['key-file'] === undefined ? {} : { keyFile: flags['key-file'] }),
  };
  return connect({ endpoints: [address], ...(await readAccess(files)) });
}
