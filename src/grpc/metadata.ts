/**
 * What accompanies a call beside its messages: metadata in header fields, the deadline, and the
 * text of a status, each in the form that gRPC gives it on HTTP/2.
 *
 * Source: grpc/grpc, doc/PROTOCOL-HTTP2.md: Custom-Metadata, Timeout, Status-Message
 * ("Percent-Encoded": all but printable ASCII without `%`).
 */
import { base64Decode, base64Encode } from '@bufbuild/protobuf/wire';
import { QuorateError } from '../base/errors.ts';
import type { HttpHeaders } from '../ports/http.ts';

/** Names in lower case; values of names that end in `-bin` are bytes. */
export type Metadata = Readonly<Record<string, string | Uint8Array | undefined>>;

const nameForm = /^[0-9a-z_.-]+$/;

/** Fields of HTTP and gRPC itself, which are nobody's metadata. */
const reserved = new Set(['content-type', 'te', 'user-agent', 'connection', 'transfer-encoding']);

/** Header fields for metadata. Throws `malformed-message` for names and values that cannot be sent. */
export function metadataToHeaders(metadata: Metadata): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata)) {
    if (value === undefined) continue;
    if (!nameForm.test(name) || name.startsWith('grpc-') || reserved.has(name)) {
      throw new QuorateError('malformed-message', `"${name}" is no name of metadata`);
    }
    if (typeof value === 'string') {
      if (name.endsWith('-bin') || !/^[\x20-\x7e]*$/.test(value)) {
        throw new QuorateError('malformed-message', `the metadata "${name}" is not printable`);
      }
      headers[name] = value;
    } else {
      // Padding may be left out, and is.
      headers[name] = base64Encode(value, 'std_raw');
    }
  }
  return headers;
}

/** Header fields that come again and again as the same object are looked at once. */
const known = new WeakMap<HttpHeaders, Metadata>();

/** The metadata among header fields; values of `-bin` that are no base64 are left out. */
export function metadataFromHeaders(headers: HttpHeaders): Metadata {
  let metadata = known.get(headers);
  if (metadata === undefined) {
    metadata = readMetadata(headers);
    known.set(headers, metadata);
  }
  return metadata;
}

function readMetadata(headers: HttpHeaders): Metadata {
  const metadata: Record<string, string | Uint8Array> = Object.create(null);
  for (const name in headers) {
    if (name.startsWith(':') || name.startsWith('grpc-') || reserved.has(name)) continue;
    const value = headers[name];
    if (value === undefined) continue;
    const text = typeof value === 'string' ? value : value.join(', ');
    if (!name.endsWith('-bin')) {
      metadata[name] = text;
      continue;
    }
    // Several values arrive as one, joined by commas; the first is what is meant.
    const bytes = decoded(text.split(',', 1)[0]!.trim());
    if (bytes !== undefined) metadata[name] = bytes;
  }
  return metadata;
}

function decoded(text: string): Uint8Array | undefined {
  try {
    return base64Decode(text);
  } catch {
    return undefined;
  }
}

const unitMs: Readonly<Record<string, number>> = {
  n: 1e-6,
  u: 1e-3,
  m: 1,
  S: 1_000,
  M: 60_000,
  H: 3_600_000,
};

/** Milliseconds of a `grpc-timeout`; undefined if it is malformed. */
export function timeoutMs(text: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * unitMs[match[2]!]!;
}

/** A `grpc-timeout` for so many milliseconds, rounded up. */
export function timeoutText(ms: number): string {
  const micros = Math.max(0, Math.ceil(ms * 1_000));
  if (micros < 1e8) return `${micros}u`;
  if (ms < 1e8) return `${Math.ceil(ms)}m`;
  return `${Math.min(Math.ceil(ms / 1_000), 99_999_999)}S`;
}

/** A status text as it travels in `grpc-message`. */
export function encodeMessage(text: string): string {
  if (/^[\x20-\x24\x26-\x7e]*$/.test(text)) return text;
  let encoded = '';
  for (const byte of new TextEncoder().encode(text)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** A status text from `grpc-message`; what is not encoded as it should be is kept as it is. */
export function decodeMessage(text: string): string {
  if (!text.includes('%')) return text;
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const pair = text.slice(at + 1, at + 3);
    if (text[at] === '%' && /^[0-9a-fA-F]{2}$/.test(pair)) {
      bytes.push(Number.parseInt(pair, 16));
      at += 2;
    } else bytes.push(text.charCodeAt(at) & 0xff);
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}
