/**
 * Where the job stands, in the embedded store. A step is one transaction: it moves the position on and
 * notes who did it, if the position is still the one that was read. So no step is left out or done
 * twice, and a worker that has been replaced without noticing writes nothing.
 */
import { compareOf, type Kv, putRequest, rangeRequest, txnRequest } from 'quorate/server';

/** The key that the job is about, and what its value counts. */
export const jobKey = 'yandaojiumozhi';
const prefix = 'mibao-';

export interface Position {
  readonly step: number;
  readonly modRevision: number;
}

/** Linearizable, unless `local` is asked for: then as this copy knows it. */
export async function readPosition(kv: Kv, local = false): Promise<Position> {
  const { kvs } = await kv.range(rangeRequest(jobKey), { serializable: local });
  const [found] = kvs;
  if (found === undefined) return { step: 0, modRevision: 0 };
  const step = Number(new TextDecoder().decode(found.value).slice(prefix.length));
  return { step, modRevision: found.modRevision };
}

/** Whether the step was done; false if another worker was quicker. */
export async function advance(kv: Kv, from: Position, worker: string): Promise<boolean> {
  const step = from.step + 1;
  const { modRevision } = from;
  const unchanged = compareOf(jobKey, 'equal', { target: 'mod', modRevision });
  const moved = putRequest(jobKey, `${prefix}${step}`);
  const answer = await kv.txn(txnRequest([unchanged], [moved, putRequest(`done/${step}`, worker)]));
  return answer.succeeded;
}

export async function put(kv: Kv, key: string, value: string): Promise<void> {
  await kv.put(putRequest(key, value));
}

export async function get(kv: Kv, key: string): Promise<string | undefined> {
  const { kvs } = await kv.range(rangeRequest(key));
  return kvs[0] === undefined ? undefined : new TextDecoder().decode(kvs[0].value);
}
