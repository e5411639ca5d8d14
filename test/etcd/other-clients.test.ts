/** What clients in other languages do that the ones in our other tests never do. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as pb from '../../src/server/proto/gen/etcdserverpb/rpc_pb.ts';
import * as election from '../../src/server/proto/gen/v3electionpb/v3election_pb.ts';
import { methodOf } from '../../src/server/services/registry.ts';
import { until } from '../processes/waiting.ts';
import { Peer } from './differential/compare.ts';
import { type OwnServer, startServer } from './own-server.ts';

let own: OwnServer;
let peer: Peer;
beforeAll(async () => {
  own = await startServer();
  peer = await Peer.connect(own.port);
});
afterAll(async () => {
  peer?.close();
  await own?.stop();
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A stream of watches that is closed on the client's side once these are created. */
function watch(requests: readonly MessageInitShape<typeof pb.WatchCreateRequestSchema>[]) {
  const answers: pb.WatchResponse[] = [];
  const ended: string[] = [];
  const stream = peer.client.stream(
    methodOf(pb.Watch.method.watch),
    {},
    {
      received: (answer: pb.WatchResponse) => void answers.push(answer),
      ended: ({ code, message }) => void ended.push(`${code} ${message}`),
    },
  );
  for (const request of requests) {
    const value = create(pb.WatchCreateRequestSchema, request);
    stream.send(create(pb.WatchRequestSchema, { requestUnion: { case: 'createRequest', value } }));
  }
  stream.end();
  return { answers, ended, cancel: () => stream.cancel() };
}

const put = (key: string, value: string) =>
  peer.client.unary(
    methodOf(pb.KV.method.put),
    create(pb.PutRequestSchema, { key: bytes(key), value: bytes(value) }),
  );

test('who has created all its watches and closes its side is told on', async () => {
  const { answers, ended, cancel } = watch([{ key: bytes('told') }]);
  await until('the watch to be there', async () => answers[0]?.created === true);
  for (const value of ['1', '2']) await put('told', value);
  const values = () =>
    answers.flatMap(({ events }) => events.map(({ kv }) => new TextDecoder().decode(kv!.value)));
  await until('both to be told', async () => values().length === 2);
  expect(values()).toEqual(['1', '2']);
  expect(ended).toEqual([]);
  cancel();
});

test('a watch from a negative revision is refused as one that was compacted', async () => {
  const { answers, cancel } = watch([{ key: bytes('k'), startRevision: -1n }]);
  await until('an answer', async () => answers.length === 1);
  expect(answers[0]).toMatchObject({
    ...{ watchId: -1n, created: true, canceled: true, compactRevision: 0n },
    cancelReason: 'etcdserver: mvcc: required revision has been compacted',
  });
  cancel();
});

test('who has won an election is told the revision at which it stood', async () => {
  const campaign = (value: string) =>
    peer.client.unary(
      methodOf(election.Election.method.campaign),
      create(election.CampaignRequestSchema, { name: bytes('e'), lease: ID, value: bytes(value) }),
    );
  const grant = create(pb.LeaseGrantRequestSchema, { TTL: 60n });
  const { ID } = await peer.client.unary(methodOf(pb.Lease.method.leaseGrant), grant);
  const first = await campaign('a');
  expect(first.header!.revision).toBe(first.leader!.rev);
  const { header } = await put('between', '1');
  const again = await campaign('b');
  expect(again.leader!.rev).toBe(first.leader!.rev);
  // Another value is announced by a write of its own, behind the revision that is told.
  expect(again.header!.revision).toBe(header!.revision);
});
