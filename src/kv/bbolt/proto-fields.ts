/**
 * Protobuf, as far as the records in an etcd database need it: fields that are varints or bytes,
 * defaults left out, unknown fields passed over.
 */
import { QuorateError } from '../../base/errors.ts';

/** A field's number and value; numbers are signed 64 bits. */
export type ProtoValue = bigint | Uint8Array;

export function encodeFields(fields: readonly (readonly [number, ProtoValue])[]): Uint8Array {
  const parts: number[] = [];
  let bytes = 0;
  const chunks: Uint8Array[] = [];
  const flush = (): void => {
    if (parts.length === 0) return;
    chunks.push(Uint8Array.from(parts));
    parts.length = 0;
  };
  for (const [number, value] of fields) {
    if (typeof value === 'bigint') {
      if (value === 0n) continue;
      varint(parts, BigInt(number << 3));
      varint(parts, BigInt.asUintN(64, value));
    } else {
      if (value.length === 0) continue;
      varint(parts, BigInt((number << 3) | 2));
      varint(parts, BigInt(value.length));
      flush();
      chunks.push(value);
    }
  }
  flush();
  for (const chunk of chunks) bytes += chunk.length;
  const encoded = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    encoded.set(chunk, at);
    at += chunk.length;
  }
  return encoded;
}

/** A message's fields in order. @throws QuorateError `malformed-message` */
export function* decodeFields(bytes: Uint8Array): Generator<readonly [number, ProtoValue]> {
  let at = 0;
  const read = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new QuorateError('malformed-message', 'a record of the database is not whole');
  };
  while (at < bytes.length) {
    const tag = Number(read());
    const number = Math.floor(tag / 8);
    const type = tag % 8;
    if (type === 0) {
      yield [number, BigInt.asIntN(64, read())];
      continue;
    }
    const length = type === 2 ? Number(read()) : type === 1 ? 8 : type === 5 ? 4 : Infinity;
    if (length > bytes.length - at) {
      throw new QuorateError('malformed-message', 'a record of the database is not whole');
    }
    if (type === 2) yield [number, bytes.subarray(at, at + length)];
    at += length;
  }
}

function varint(parts: number[], value: bigint): void {
  let rest = value;
  while (rest >= 128n) {
    parts.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  parts.push(Number(rest));
}
