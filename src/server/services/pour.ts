/** Answers of a stream from a generator, at the pace at which the client takes them. */
import type { StreamingHandler } from '../../grpc/server.ts';
import type { ServerCall } from '../../grpc/server-call.ts';
import { statusOfError } from '../errors.ts';

/** Makes a handler of a generator; the call ends when it does, with what it throws. */
export function pour<Request, Response>(
  generate: (request: Request, call: ServerCall<Response>) => AsyncIterable<Response>,
): StreamingHandler<Request, Response> {
  return (call) => {
    let welcome: (() => void) | undefined;
    const run = async (request: Request): Promise<void> => {
      try {
        for await (const response of generate(request, call)) {
          if (call.over) return;
          if (call.send(response)) continue;
          await new Promise<void>((resolve) => {
            welcome = resolve;
            if (call.over) resolve();
          });
        }
        call.finish();
      } catch (error) {
        call.finish(statusOfError(error));
      }
    };
    return {
      received: (request) => void run(request),
      ended: () => {},
      drained: () => welcome?.(),
      over: () => welcome?.(),
    };
  };
}
