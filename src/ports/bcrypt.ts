/** bcrypt (Provos and Mazières, 1999): only to check passwords that etcd has hashed with it. */
import type { Answer } from './callbacks.ts';

/** The costliest hash that is checked: each step more takes twice as long, this one about a second. */
export const bcryptCostMax = 14;

/** Checks passwords. */
export interface Bcrypt {
  /**
   * Whether a password has this hash, off the event loop; the caller bounds how many are asked at
   * once. Never for a hash beyond {@link bcryptCostMax}.
   */
  matches(password: string, hash: string, answer: Answer<boolean>): void;
}

/** The cost that a hash was made with; undefined for one that is not of bcrypt. */
export function bcryptCost(hash: Uint8Array): number | undefined {
  // 60 letters, all of ASCII: `$2a$`, the cost in two digits, `$`, salt and hash.
  if (hash.length !== 60) return undefined;
  const text = new TextDecoder().decode(hash);
  const cost = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(text)?.[1];
  return cost === undefined ? undefined : Number(cost);
}
