/** All services of an etcd server, together. */
import * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';
import { Health } from '../proto/gen/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '../proto/gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as OldServerReflection } from '../proto/gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { Election } from '../proto/gen/v3electionpb/v3election_pb.ts';
import { Lock } from '../proto/gen/v3lockpb/v3lock_pb.ts';
import { authHandlers } from './auth.ts';
import { clusterHandlers } from './cluster.ts';
import type { ServiceHost } from './context.ts';
import { electionHandlers, lockHandlers } from './elections.ts';
import { healthHandlers } from './health.ts';
import { keyHandlers } from './keys.ts';
import { leaseHandlers } from './leases.ts';
import { maintenanceHandlers } from './maintenance.ts';
import { oldReflectionHandlers, reflectionHandlers } from './reflection.ts';
import { ServiceRegistry } from './registry.ts';
import { watchHandlers } from './watch.ts';

/** The services over one running key-value service. */
export function allServices(host: ServiceHost): ServiceRegistry {
  const services = new ServiceRegistry();
  const names = (): Set<string> => new Set(services.services.map(({ typeName }) => typeName));
  return services
    .add(pb.KV, keyHandlers(host))
    .add(pb.Watch, watchHandlers(host))
    .add(pb.Lease, leaseHandlers(host))
    .add(pb.Cluster, clusterHandlers(host))
    .add(pb.Maintenance, maintenanceHandlers(host))
    .add(pb.Auth, authHandlers(host))
    .add(Lock, lockHandlers(host))
    .add(Election, electionHandlers(host))
    .add(Health, healthHandlers(host, names))
    .add(ServerReflection, reflectionHandlers(services))
    .add(OldServerReflection, oldReflectionHandlers(services));
}
