/** One differential run: requests in turn, watches over their history, differences collected. */
import { create } from '@bufbuild/protobuf';
import { SeededRandom } from '../../../src/base/seeded-random.ts';
import * as pb from '../../../src/server/proto/gen/etcdserverpb/rpc_pb.ts';
import { methodOf } from '../../../src/server/services/registry.ts';
import { type Answer, comparable, describe, type Peer } from './compare.ts';
import { isKnown } from './known.ts';
import { type AnyRequest, RequestMaker } from './requests.ts';

export interface Difference {
  readonly index: number;
  readonly request: string;
  readonly theirs: Answer | unknown;
  readonly ours: Answer | unknown;
}

export interface Outcome {
  readonly differences: readonly Difference[];
  /** Answers without error, refusals, events of watches: a run in which nothing happens is none. */
  readonly answered: number;
  readonly refused: number;
  readonly events: number;
}

/** Sends `count` requests to both. */
export async function compareServers(
  peers: { readonly theirs: Peer; readonly ours: Peer },
  run: { readonly seed: number; readonly count: number; readonly differencesMax?: number },
): Promise<Outcome> {
  const { theirs, ours } = peers;
  const { seed, count, differencesMax = 10 } = run;
  const random = new SeededRandom(seed);
  const maker = new RequestMaker(random);
  const differences: Difference[] = [];
  let [answered, refused, events] = [0, 0, 0];
  for (let index = 0; index < count && differences.length < differencesMax; index++) {
    const request = maker.next();
    const [expected, found] = await Promise.all([theirs.answer(request), ours.answer(request)]);
    if (expected.code === undefined) answered++;
    else refused++;
    maker.revision = Math.max(maker.revision, revisionOf(expected));
    const same = JSON.stringify(expected) === JSON.stringify(found);
    if (!same && !isKnown(request, { theirs: expected, ours: found })) {
      differences.push({ index, request: describe(request), theirs: expected, ours: found });
    }
    if (index % 100 !== 99) continue;
    events += await compareWatches(peers, maker, { index, differences });
  }
  return { differences, answered, refused, events };
}

/** A few watches over the past, ended by a key of their own. */
async function compareWatches(
  { theirs, ours }: { readonly theirs: Peer; readonly ours: Peer },
  maker: RequestMaker,
  into: { readonly index: number; readonly differences: Difference[] },
): Promise<number> {
  const { revision: until } = maker;
  const watches = Array.from({ length: 5 }, () =>
    create(pb.WatchCreateRequestSchema, {
      ...maker.watch(),
      key: new Uint8Array([1]),
      rangeEnd: new Uint8Array(1),
    }),
  );
  const end: AnyRequest = {
    method: methodOf(pb.KV.method.put) as never,
    request: create(pb.PutRequestSchema, {
      key: new Uint8Array([255, 255]),
      value: new Uint8Array(1),
    }),
  };
  const deletion: AnyRequest = {
    method: methodOf(pb.KV.method.deleteRange) as never,
    request: create(pb.DeleteRangeRequestSchema, { key: new Uint8Array([255, 255]) }),
  };
  // Both kinds of events, so that every filter lets one through behind `until`.
  for (const each of [end, deletion]) await Promise.all([theirs.answer(each), ours.answer(each)]);
  maker.revision += 2;
  let events = 0;
  for (const watch of watches) {
    const [expected, found] = await Promise.all([
      theirs.watch(watch, until),
      ours.watch(watch, until),
    ]);
    events += expected.length;
    if (JSON.stringify(expected) === JSON.stringify(found)) continue;
    const request = `watch ${JSON.stringify(comparable(watch))}`;
    into.differences.push({ index: into.index, request, theirs: expected, ours: found });
  }
  return events;
}

function revisionOf({ response }: Answer): number {
  const header = (response as { header?: { revision?: string } } | undefined)?.header;
  return Number(header?.revision ?? 0);
}
