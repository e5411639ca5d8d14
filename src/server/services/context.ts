/** What the services share: the key-value service, and what a call says about who makes it. */
import { QuorateError } from '../../base/errors.ts';
import type { ServerCall } from '../../grpc/server-call.ts';
import type { Caller, CallOptions, Credentials, Kv } from '../../kv/api.ts';
import type { Clock } from '../../ports/clock.ts';

/** The version of etcd whose behaviour is served; clients read it and rely on what it promises. */
export const etcdVersion = '3.6.14';
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
  const given = metadata.token ?? metadata.authorization;
  const token = typeof given === 'string' ? given.replace(/^Bearer /, '') : undefined;
  const name = certificate?.commonName;
  return {
    ...(token === undefined || token === '' ? {} : { token }),
    ...(name === undefined || name === '' ? {} : { certificateName: name }),
  };
}

/** Whether a call asks to be refused where there is no leader. */
export function requiresLeader({ metadata }: ServerCall): boolean {
  return metadata.hasleader === 'true';
}

/** For a call of the key-value service. Throws `no-leader`, `invalid-auth-token`. */
export async function optionsOf(
  { kv }: Pick<ServiceHost, 'kv'>,
  call: ServerCall,
): Promise<CallOptions> {
  if (requiresLeader(call) && kv.leaderId === 0n) {
    throw new QuorateError('no-leader', 'the call requires a leader, and there is none');
  }
  return new CallContext(await kv.identify(credentialsOf(call)), call);
}

/** The call's signal is made only if somebody listens to it. */
class CallContext implements CallOptions {
  readonly caller: Caller | undefined;
  readonly #call: ServerCall;

  constructor(caller: Caller | undefined, call: ServerCall) {
    this.caller = caller;
    this.#call = call;
  }

  get signal(): AbortSignal {
    return this.#call.signal;
  }
}

/** The same, for reads. */
export function reading(options: CallOptions, serializable: boolean) {
  return {
    caller: options.caller,
    serializable,
    get signal(): AbortSignal | undefined {
      return options.signal;
    },
  };
}
