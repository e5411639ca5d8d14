/** What the services share: the key-value service, and what a call says about who makes it. */
import type { CancelSignal } from '../../base/cancel-signal.ts';
import { QuorateError } from '../../base/errors.ts';
import type { ServerCall } from '../../grpc/server-call.ts';
import type { Caller, CallOptions, Credentials, Kv, ReadOptions } from '../../kv/api.ts';
import type { Clock } from '../../ports/clock.ts';

/** The version of etcd whose behaviour is served; clients read it and rely on what it promises. */
export const etcdVersion = '3.6.16';
/** The version of the cluster, which never has a patch number. */
export const clusterVersion = '3.6.0';

/** What services stand on. */
export interface ServiceHost {
  readonly kv: Kv;
  readonly clock: Clock;
  /** The most that a request may have; watch responses are split there if they may be. */
  readonly requestBytesMax: number;
}

/** What a call brings to prove who makes it. */
export function credentialsOf({ metadata, certificate }: ServerCall): Credentials {
  if (
    certificate === null &&
    metadata.token === undefined &&
    metadata.authorization === undefined
  ) {
    return nothing;
  }
  const given = metadata.token ?? metadata.authorization;
  const token = typeof given === 'string' ? given.replace(/^Bearer /, '') : undefined;
  const name = certificate?.commonName;
  return {
    ...(token === undefined || token === '' ? {} : { token }),
    ...(name === undefined || name === '' ? {} : { certificateName: name }),
  };
}

const nothing: Credentials = {};

/** Whether a call asks to be refused where there is no leader. */
export function requiresLeader({ metadata }: ServerCall): boolean {
  return metadata.hasleader === 'true';
}

/** A learner's state may be far behind: it only serves what says so. @throws `learner-unsupported` */
export function refuseOnLearner({ isLearner }: Kv): void {
  if (isLearner) throw new QuorateError('learner-unsupported', 'this member is a learner');
}

/**
 * For a call of the key-value service; at once where nobody has to be asked who makes it. Throws
 * `learner-unsupported` for what learners do not serve, `no-leader`, `invalid-auth-token`.
 */
export function optionsOf(
  { kv }: Pick<ServiceHost, 'kv'>,
  call: ServerCall,
  learners: 'serve' | 'refuse' = 'refuse',
): CallOptions | Promise<CallOptions> {
  if (learners === 'refuse') refuseOnLearner(kv);
  if (requiresLeader(call) && kv.leaderId === 0n) {
    throw new QuorateError('no-leader', 'the call requires a leader, and there is none');
  }
  const caller = kv.identify(credentialsOf(call));
  return caller instanceof Promise
    ? caller.then((known) => new CallContext(known, call))
    : new CallContext(caller, call);
}

/** The call's signal is made only if somebody listens to it. */
class CallContext implements CallOptions {
  readonly caller: Caller | undefined;
  readonly #call: ServerCall;

  constructor(caller: Caller | undefined, call: ServerCall) {
    this.caller = caller;
    this.#call = call;
  }

  get signal(): CancelSignal {
    return this.#call.signal;
  }
}

/** The same, for reads. */
export function reading(options: CallOptions, serializable: boolean): ReadOptions {
  return new Reading(options, serializable);
}

class Reading implements ReadOptions {
  readonly serializable: boolean;
  readonly #options: CallOptions;

  constructor(options: CallOptions, serializable: boolean) {
    this.#options = options;
    this.serializable = serializable;
  }

  get caller(): Caller | undefined {
    return this.#options.caller;
  }

  get signal(): CancelSignal | undefined {
    return this.#options.signal;
  }
}
