/** HMAC-SHA256 for tests. */
import { createHmac } from 'node:crypto';

export function keyedHash(key: string): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => new Uint8Array(createHmac('sha256', key).update(bytes).digest());
}
