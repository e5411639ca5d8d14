/**
 * Writing header fields (HPACK, RFC 7541). Answers differ little from each other: what has been
 * written once for the same object is kept, and nothing is put into the client's table, so that blocks
 * never depend on what was sent before.
 */
import type { HttpHeaders } from '../ports/http.ts';
import { staticTable } from './static-table.ts';

/** Places in the static table, by name, and by name and value. */
const nameIndex = new Map<string, number>();
const fieldIndex = new Map<string, number>();
for (const [at, { name, value }] of staticTable.entries()) {
  if (!nameIndex.has(name)) nameIndex.set(name, at + 1);
  if (value !== '') fieldIndex.set(`${name}=${value}`, at + 1);
}

/** Fields of HTTP/1.1 that mean nothing here, and may not be sent (RFC 9113, section 8.2.2). */
export const connectionFields: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

const known = new WeakMap<HttpHeaders, { readonly status: number; readonly block: Uint8Array }>();

/** @param status 0: trailers have none */
export function encodeFields(status: number, headers: HttpHeaders): Uint8Array {
  const before = known.get(headers);
  if (before !== undefined && before.status === status) return before.block;
  const out: number[] = [];
  if (status !== 0) writeField(out, ':status', String(status));
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || connectionFields.has(name)) continue;
    for (const each of typeof value === 'string' ? [value] : value) writeField(out, name, each);
  }
  const block = Uint8Array.from(out);
  known.set(headers, { status, block });
  return block;
}

function writeField(out: number[], name: string, value: string): void {
  const whole = fieldIndex.get(`${name}=${value}`);
  if (whole !== undefined) return writeInteger(out, 0x80, 7, whole);
  const index = nameIndex.get(name) ?? 0;
  writeInteger(out, 0, 4, index);
  if (index === 0) writeText(out, name.toLowerCase());
  writeText(out, value);
}

function writeText(out: number[], text: string): void {
  writeInteger(out, 0, 7, text.length);
  for (let at = 0; at < text.length; at++) out.push(text.charCodeAt(at) & 0xff);
}

function writeInteger(out: number[], first: number, bits: number, value: number): void {
  const mask = 2 ** bits - 1;
  if (value < mask) return void out.push(first | value);
  out.push(first | mask);
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) out.push((rest & 0x7f) | 0x80);
  out.push(rest);
}
