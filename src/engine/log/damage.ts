/** The named refusals of a log that cannot be believed. */
import { QuorateError } from '../../base/errors.ts';

/** Something that was vouched for is not what was written. */
export function damaged(path: string, offset: number, what: string): QuorateError {
  return new QuorateError('log-damaged', `${path} is damaged at byte ${offset}: ${what}`, {
    details: { path, offset },
  });
}

/** The newest votes are lost: without them this member could vote twice in a term. */
export function voteDamaged(what: string): QuorateError {
  return new QuorateError('vote-damaged', `the votes are damaged: ${what}`, {
    details: { path: 'vote' },
  });
}
