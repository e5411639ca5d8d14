/** etcd's Watch service: one stream of watches of the key-value service for each call. */
import type { StreamHandler } from '../../grpc/server-call.ts';
import type { WatchSink, WatchStream } from '../../kv/api.ts';
import { exact } from '../convert/requests.ts';
import { WatchAnswers } from '../convert/watch-answers.ts';
import { statusOfError } from '../errors.ts';
import * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';
import { credentialsOf, refuseOnLearner, requiresLeader, type ServiceHost } from './context.ts';
import type { Handlers } from './registry.ts';

/** Requests that wait until it is known who asks; more hold the client up. */
const waitingMax = 1_000;
/** How much more than a request a response may have: what surrounds the events. */
const fragmentOverheadBytes = 512 * 1024;

export function watchHandlers(host: ServiceHost): Handlers<typeof pb.Watch> {
  const { kv } = host;
  const answers = new WatchAnswers(kv);
  return {
    watch(call): StreamHandler<pb.WatchRequest> {
      const sink: WatchSink = {
        send: (response) => call.send(answers.of(response)),
        ended: (error) => call.finish(statusOfError(error)),
      };
      let stream: WatchStream | undefined;
      let waiting: pb.WatchRequest[] = [];
      const take = (request: pb.WatchRequest): void => {
        if (stream === undefined) {
          waiting.push(request);
          if (waiting.length >= waitingMax) call.pause();
        } else handle(stream, request);
      };
      const begin = async (): Promise<void> => {
        refuseOnLearner(kv);
        const caller = await kv.identify(credentialsOf(call));
        if (call.over) return;
        stream = kv.watch(sink, {
          caller,
          requireLeader: requiresLeader(call),
          fragmentBytesMax: host.requestBytesMax + fragmentOverheadBytes,
        });
        for (const request of waiting) handle(stream, request);
        waiting = [];
        call.resume();
      };
      begin().catch((error) => call.finish(statusOfError(error)));
      return {
        received: take,
        // As in etcd, who has asked for all it wants and closes its side is told on.
        ended: () => {},
        drained: () => stream?.resume(),
        over: () => stream?.close(),
      };
    },
  };
}

function handle(stream: WatchStream, { requestUnion }: pb.WatchRequest): void {
  switch (requestUnion.case) {
    case 'createRequest': {
      const { value } = requestUnion;
      const { NOPUT, NODELETE } = pb.WatchCreateRequest_FilterType;
      return stream.create({
        key: value.key,
        rangeEnd: value.rangeEnd,
        startRevision: exact(value.startRevision),
        progressNotify: value.progressNotify,
        noPut: value.filters.includes(NOPUT),
        noDelete: value.filters.includes(NODELETE),
        prevKv: value.prevKv,
        watchId: value.watchId,
        fragment: value.fragment,
      });
    }
    case 'cancelRequest':
      return stream.cancel(requestUnion.value.watchId);
    case 'progressRequest':
      return stream.progress();
    default:
      // An empty request is passed over, as etcd does.
      return;
  }
}
