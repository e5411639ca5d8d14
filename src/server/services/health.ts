/** gRPC's health service: whether this member serves, for balancers and orchestrators. */
import { create } from '@bufbuild/protobuf';
import { rpcError, statusOf } from '../../grpc/status.ts';
import type { Cancel } from '../../ports/callbacks.ts';
import * as pb from '../proto/gen/grpc/health/v1/health_pb.ts';
import type { ServiceHost } from './context.ts';
import type { Handlers } from './registry.ts';

/** How often a watched status is looked at. */
const lookEveryMs = 1_000;

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = pb.HealthCheckResponse_ServingStatus;

/** @param known the names of the services; the empty one stands for the server */
export function healthHandlers(
  host: Pick<ServiceHost, 'kv' | 'clock'>,
  known: () => ReadonlySet<string>,
): Handlers<typeof pb.Health> {
  const statusNow = (): pb.HealthCheckResponse_ServingStatus =>
    host.kv.leaderId === 0n ? NOT_SERVING : SERVING;
  return {
    async check({ service }) {
      if (service !== '' && !known().has(service)) {
        throw rpcError(statusOf('not-found', 'unknown service'));
      }
      return create(pb.HealthCheckResponseSchema, { status: statusNow() });
    },

    watch(call) {
      let told: pb.HealthCheckResponse_ServingStatus | undefined;
      let timer: Cancel | undefined;
      const look = (service: string): void => {
        const isKnown = service === '' || known().has(service);
        const status = isKnown ? statusNow() : SERVICE_UNKNOWN;
        if (status !== told) call.send(create(pb.HealthCheckResponseSchema, { status }));
        told = status;
        timer = host.clock.after(lookEveryMs, () => look(service));
      };
      return {
        received: ({ service }) => look(service),
        ended: () => {},
        over: () => timer?.(),
      };
    },
  };
}
