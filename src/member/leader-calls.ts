/** Answers what other members ask an application as the leader of a group. */
import { QuorateError } from '../base/errors.ts';
import type { CallResult } from '../engine/peers/calls.ts';

/** The application's answer as the engine takes it; every error gets a code. */
export function resultOf(
  answered: Promise<Uint8Array> | undefined,
  done: (result: CallResult) => void,
): void {
  (answered ?? Promise.reject(unopened)).then(
    (value) => done({ ok: true, value }),
    (error: unknown) => {
      const coded =
        error instanceof QuorateError
          ? error
          : new QuorateError('peer-failed', String(error), { cause: error });
      done({ ok: false, error: coded });
    },
  );
}

const unopened = new QuorateError('unknown-group', 'the group is not open on this member');
