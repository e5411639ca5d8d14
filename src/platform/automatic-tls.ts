/**
 * Certificates that a server makes for itself, when it is told to: it is encrypted then, and nobody
 * has to make certificates. They lie where etcd puts its own, `fixtures/client` and `fixtures/peer`
 * in the member's directory, and are made anew when they are about to end or fit no more.
 *
 * - The one for clients stands for itself: clients trust it by having it, or do not look.
 * - Members need certificates of one authority. Its key follows from what all members are told, the
 *   cluster's token: so members prove that they know that, and whoever does not is refused.
 */
import { X509Certificate } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { keyFromSecret, makeCertificate } from './certificate.ts';
import { diskError } from './system-errors.ts';

/** Whom certificates are made for. */
export interface AutomaticTls {
  readonly dataDir: string;
  /** Names and addresses under which the server is reached. */
  readonly hosts: readonly string[];
  readonly validityYears: number;
}

/** Files with a certificate and its key, and with the authority above. */
export interface AutomaticFiles {
  readonly certificatePath: string;
  readonly keyPath: string;
}

const dayMs = 86_400_000;
/** Clocks of others may be behind. */
const earlierMs = dayMs;
/** Certificates that end sooner are made anew. */
const leftMsMin = 30 * dayMs;
const loopback = ['localhost', '127.0.0.1', '::1'];
const authorityName = 'quorate members';

/** A certificate that clients may trust. @throws QuorateError what the disk fails with */
export function clientCertificate(wanted: AutomaticTls): Promise<AutomaticFiles> {
  return certified(wanted, 'client', (facts) => ({
    'cert.pem': makeCertificate({ ...facts, isAuthority: true }),
  }));
}

/**
 * A certificate for other members.
 * @param token what all members of the cluster, and nobody else, shall know
 * @throws QuorateError what the disk fails with
 */
export async function peerCertificate(
  wanted: AutomaticTls,
  token: string,
): Promise<AutomaticFiles & { readonly authorityPath: string }> {
  const files = await certified(wanted, 'peer', (facts) => {
    const key = keyFromSecret(token, authorityName);
    const top = makeCertificate({
      ...facts,
      hosts: [],
      name: authorityName,
      key,
      isAuthority: true,
    });
    const issuer = { name: authorityName, key };
    return { 'authority.pem': top, 'cert.pem': makeCertificate({ ...facts, issuer }) };
  });
  const authorityPath = path.join(path.dirname(files.certificatePath), 'authority.pem');
  return { ...files, authorityPath };
}

type Facts = Parameters<typeof makeCertificate>[0];
type Made = ReturnType<typeof makeCertificate>;

async function certified(
  { dataDir, hosts: given, validityYears }: AutomaticTls,
  side: 'client' | 'peer',
  make: (facts: Facts) => Readonly<Record<string, Made>>,
): Promise<AutomaticFiles> {
  const directory = path.join(dataDir, 'fixtures', side);
  const [certificatePath, keyPath] = ['cert.pem', 'key.pem'].map((name) =>
    path.join(directory, name),
  ) as [string, string];
  const hosts = [...new Set([...loopback, ...given])];
  try {
    // The authority of another token would not be theirs: it is made each time.
    if (side === 'client' && (await serves(certificatePath, hosts))) {
      return { certificatePath, keyPath };
    }
    await fs.mkdir(directory, { recursive: true, mode: 0o700 });
    const nowMs = Date.now();
    const untilMs = nowMs + validityYears * 365 * dayMs;
    const made = make({ name: 'quorate', hosts, fromMs: nowMs - earlierMs, untilMs });
    for (const [name, { certificate, key }] of Object.entries(made)) {
      await fs.writeFile(path.join(directory, name), certificate, { mode: 0o600 });
      if (name === 'cert.pem') await fs.writeFile(keyPath, key, { mode: 0o600 });
    }
    return { certificatePath, keyPath };
  } catch (error) {
    throw diskError(error, { doing: 'making certificates in', path: directory });
  }
}

async function serves(file: string, hosts: readonly string[]): Promise<boolean> {
  try {
    const read = new X509Certificate(await fs.readFile(file));
    const isLong = Date.parse(read.validTo) - Date.now() > leftMsMin;
    return (
      isLong && hosts.every((host) => (read.checkHost(host) ?? read.checkIP(host)) !== undefined)
    );
  } catch {
    return false;
  }
}
