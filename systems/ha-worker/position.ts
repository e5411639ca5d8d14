/**
 * Where the job stands, in the embedded store. A step is one transaction: it moves the position on and
 * notes who did it, if the position is still the one that was read. So no step is left out or done
 * twice, and a worker that has been replaced without noticing writes nothing.
 */
import type { Kv } from 'quorate/server';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const nothing = new Uint8Array();
/** The key that the job is about, and what its value counts. */
export const jobKey = 'yandaojiumozhi';
const prefix = 'mibao-';

export interface Position {
  readonly step: number;
  readonly modRevision: number;
}

/** Linearizable, unless `local` is asked for: then as this copy knows it. */
export async function readPosition(kv: Kv, local = false): Promise<Position> {
  const { kvs } = await kv.range(rangeOf(jobKey), { serializable: local });
  const [found] = kvs;
  if (found === undefined) return { step: 0, modRevision: 0 };
  const step = Number(new TextDecoder().decode(found.value).slice(prefix.length));
  return { step, modRevision: found.modRevision };
}

/** Whether the step was done; false if another worker was quicker. */
export async function advance(kv: Kv, from: Position, worker: string): Promise<boolean> {
  const step = from.step + 1;
  const unchanged = { target: 'mod', modRevision: from.modRevision } as const;
  const answer = await kv.txn({
    type: 'txn',
    compare: [{ key: bytes(jobKey), rangeEnd: nothing, result: 'equal', operand: unchanged }],
    success: [putOf(jobKey, `${prefix}${step}`), putOf(`done/${step}`, worker)],
    failure: [],
  });
  return answer.succeeded;
}

export async function put(kv: Kv, key: string, value: string): Promise<void> {
  await kv.put(putOf(key, value));
}

export async function get(kv: Kv, key: string): Promise<string | undefined> {
  const { kvs } = await kv.range(rangeOf(key));
  return kvs[0] === undefined ? undefined : new TextDecoder().decode(kvs[0].value);
}

function putOf(key: string, value: string): Parameters<Kv['put']>[0] {
  const flags = { lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
  return { type: 'put', key: bytes(key), value: bytes(value), ...flags };
}

function rangeOf(key: string): Parameters<Kv['range']>[0] {
  return {
    type: 'range',
    key: bytes(key),
    rangeEnd: nothing,
    limit: 1,
    revision: 0,
    sortOrder: 'none',
    sortTarget: 'key',
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}
