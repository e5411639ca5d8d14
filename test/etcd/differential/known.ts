/**
 * Where Quorate answers otherwise than etcd 3.4, and may: each with its reason. The table in
 * docs/etcd-differences.md says the same in prose; a test holds the two together.
 */
import type { Answer } from './compare.ts';
import type { AnyRequest } from './requests.ts';

interface Known {
  /** As the table in the documentation names it. */
  readonly name: string;
  readonly why: string;
  readonly covers: (
    request: AnyRequest,
    answers: { readonly theirs: Answer; readonly ours: Answer },
  ) => boolean;
}

export const known: readonly Known[] = [];

export function isKnown(
  request: AnyRequest,
  answers: { readonly theirs: Answer; readonly ours: Answer },
): boolean {
  return known.some(({ covers }) => covers(request, answers));
}
