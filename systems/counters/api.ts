/** The HTTP interface: four paths, JSON whose integers have all their 64 bits. */
import type { IncomingHttpHeaders } from 'node:http';
import { isLosslessNumber } from 'lossless-json';
import type { TypedGroup } from 'quorate';
import { type Asked, Refused, type Reply } from '../http-service/http-service.ts';
import { type counters, largest, smallest } from './counters.ts';

type Group = TypedGroup<typeof counters>;

/** @param opened waits for the group to be open, or fails in time */
export function apiOf(opened: () => Promise<Group>): (asked: Asked) => Promise<Reply> {
  return async (asked) => {
    const { method, path, headers } = asked;
    if (!['put', 'get', 'inc', 'delete'].includes(path)) {
      throw new Refused(404, 'POST to /put, /get, /inc or /delete');
    }
    if (method !== 'POST') throw new Refused(405, `/${path} takes a POST`);
    const body = await asked.json();
    const key = integer(body, 'key');
    const value = path === 'put' || path === 'inc' ? integer(body, 'value') : 0n;
    const options = optionsOf(headers);
    const { commands, queries } = await opened();
    if (path === 'put') return answer(await commands.put({ key, value }, options));
    if (path === 'inc') return answer(await commands.inc({ key, value }, options));
    if (path === 'get') return answer(await queries.get(key));
    await commands.delete(key, options);
    return { status: 200, body: {} };
  };
}

function answer(value: bigint | undefined): Reply {
  if (value === undefined) throw new Refused(404, 'key not found');
  return { status: 200, body: { value } };
}

/** A request that is sent again under the same key takes effect once. */
function optionsOf(headers: IncomingHttpHeaders): { readonly idempotencyKey?: string } {
  const idempotencyKey = headers['idempotency-key'];
  if (idempotencyKey === undefined) return {};
  const [key] = [idempotencyKey].flat();
  if (key !== undefined && key !== '' && key.length <= 250) return { idempotencyKey: key };
  throw new Refused(400, 'an Idempotency-Key has 1 to 250 characters');
}

/** A number or a string, of 64 bits. */
function integer(body: Readonly<Record<string, unknown>>, name: 'key' | 'value'): bigint {
  const given = body[name];
  const text = isLosslessNumber(given) ? given.value : given;
  if (typeof text === 'string' && /^-?\d{1,19}$/.test(text)) {
    const value = BigInt(text);
    if (value >= smallest && value <= largest) return value;
  }
  throw new Refused(400, `"${name}" must be an integer of 64 bits`);
}
