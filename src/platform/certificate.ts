/**
 * X.509 certificates (RFC 5280) made here: Node reads them and makes none. They are of version 3, for
 * a new key on the curve P-256, signed with ECDSA and SHA-256 by an authority or by their own key.
 *
 * DER, in which they are written, is a tree of fields: a tag, the length of what follows, and that
 * (X.690). Only what such certificates have is written here; reading them is OpenSSL's business.
 */
import crypto from 'node:crypto';
import net from 'node:net';

/** A certificate and its private key, as PEM. */
export interface Certified {
  readonly certificate: string;
  readonly key: string;
}

/** What a certificate says. */
export interface CertificateFacts {
  /** Whom it is for, the common name. */
  readonly name: string;
  /** Names and IP addresses under which its holder is reached. */
  readonly hosts?: readonly string[];
  readonly fromMs: number;
  readonly untilMs: number;
  /** Whether it may stand under other certificates. */
  readonly isAuthority?: boolean;
  /** The key that it is for, where that is not to be a new one. */
  readonly key?: crypto.KeyObject;
  /** Who signs; without, its own key does. */
  readonly issuer?: { readonly name: string; readonly key: crypto.KeyObject };
}

const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
  extensions: 0xa3,
  dnsName: 0x82,
  ipAddress: 0x87,
} as const;

/** Object identifiers, encoded. */
const ids = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  basicConstraints: '551d13',
  keyUsage: '551d0f',
  extendedKeyUsage: '551d25',
  subjectAlternativeName: '551d11',
  serverAuthentication: '2b06010505070301',
  clientAuthentication: '2b06010505070302',
} as const;

/** Bits of the key's usage, from the left: to sign messages, and certificates besides. */
const signs = [7, 0x80] as const;
const signsCertificates = [2, 0x84] as const;
const serialBytes = 16;

/** Makes a certificate. */
export function makeCertificate(facts: CertificateFacts): Certified {
  const { name, hosts = [], isAuthority = false, fromMs, untilMs } = facts;
  const key = facts.key ?? newKey();
  const issuer = facts.issuer ?? { name, key };
  const serial = crypto.randomBytes(serialBytes);
  // Positive, and without zeros in front.
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  const algorithm = der(tags.sequence, objectId(ids.ecdsaWithSha256));
  const body = der(
    tags.sequence,
    der(tags.version, der(tags.integer, Buffer.of(2))),
    der(tags.integer, serial),
    algorithm,
    distinguishedName(issuer.name),
    der(tags.sequence, time(fromMs), time(untilMs)),
    distinguishedName(name),
    crypto.createPublicKey(key).export({ type: 'spki', format: 'der' }),
    der(tags.extensions, der(tags.sequence, ...extensions(isAuthority, hosts))),
  );
  const signature = crypto.sign('sha256', body, issuer.key);
  const whole = der(tags.sequence, body, algorithm, bitString(0, signature));
  const lines = whole.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function newKey(): crypto.KeyObject {
  return crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** The order of the curve P-256. */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The private key that follows from a secret: whoever knows the one has the other. */
export function keyFromSecret(secret: string, purpose: string): crypto.KeyObject {
  // So many bits more than the order has that no key is likelier than another.
  const drawn = crypto.scryptSync(secret, purpose, 48);
  const scalar = (BigInt(`0x${drawn.toString('hex')}`) % (order - 1n)) + 1n;
  const d = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex');
  const curve = crypto.createECDH('prime256v1');
  curve.setPrivateKey(d);
  const point = curve.getPublicKey();
  const [x, y] = [point.subarray(1, 33), point.subarray(33)];
  const jwk = { kty: 'EC', crv: 'P-256', ...base64Of({ d, x, y }) };
  return crypto.createPrivateKey({ key: jwk, format: 'jwk' });
}

function base64Of(fields: Readonly<Record<string, Buffer>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).map(([field, bytes]) => [field, bytes.toString('base64url')]),
  );
}

function extensions(isAuthority: boolean, hosts: readonly string[]): Buffer[] {
  const yes = der(tags.boolean, Buffer.of(0xff));
  const constraints = isAuthority ? der(tags.sequence, yes) : der(tags.sequence);
  const [unused, bits] = isAuthority ? signsCertificates : signs;
  const purposes = [ids.serverAuthentication, ids.clientAuthentication].map(objectId);
  const found = [
    extension(ids.basicConstraints, constraints, yes),
    extension(ids.keyUsage, bitString(unused, Buffer.of(bits)), yes),
    extension(ids.extendedKeyUsage, der(tags.sequence, ...purposes)),
  ];
  if (hosts.length > 0) {
    const names = der(tags.sequence, ...hosts.map(alternativeName));
    found.push(extension(ids.subjectAlternativeName, names));
  }
  return found;
}

function extension(id: string, value: Buffer, critical?: Buffer): Buffer {
  const marks = critical === undefined ? [] : [critical];
  return der(tags.sequence, objectId(id), ...marks, der(tags.octetString, value));
}

function alternativeName(host: string): Buffer {
  if (net.isIP(host) === 0) return der(tags.dnsName, Buffer.from(host, 'latin1'));
  return der(tags.ipAddress, net.isIPv4(host) ? ipv4Bytes(host) : ipv6Bytes(host));
}

function ipv4Bytes(host: string): Buffer {
  return Buffer.from(host.split('.').map(Number));
}

function ipv6Bytes(host: string): Buffer {
  // A URL spells it out in one way only: hexadecimal groups, of which one run may be left out.
  const text = new URL(`http://[${host}]`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const groups = (part: string): string[] => part.split(':').filter((group) => group !== '');
  const [first, last] = [groups(head), groups(tail ?? '')];
  const middle = Array<string>(8 - first.length - last.length).fill('0');
  const all = tail === undefined ? first : [...first, ...middle, ...last];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function distinguishedName(name: string): Buffer {
  const value = der(tags.utf8String, Buffer.from(name));
  const part = der(tags.sequence, objectId(ids.commonName), value);
  return der(tags.sequence, der(tags.set, part));
}

/** Years from 2050 on have another form (section 4.1.2.5). */
function time(ms: number): Buffer {
  const digits = `${new Date(ms).toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
  const isShort = digits < '2050';
  const text = isShort ? digits.slice(2) : digits;
  return der(isShort ? tags.utcTime : tags.generalizedTime, Buffer.from(text));
}

function objectId(hex: string): Buffer {
  return der(tags.objectId, Buffer.from(hex, 'hex'));
}

function bitString(unusedBits: number, bytes: Buffer): Buffer {
  return der(tags.bitString, Buffer.of(unusedBits), bytes);
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const bytes = Buffer.from(length.toString(16).padStart(length < 0x100 ? 2 : 4, '0'), 'hex');
  return Buffer.concat([Buffer.of(tag, 0x80 | bytes.length), bytes, content]);
}
