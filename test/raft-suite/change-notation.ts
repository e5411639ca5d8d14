/**
 * How configuration changes are written: `v1 l2 r3 u4` makes 1 a voter and 2 a learner, removes 3
 * and updates 4.
 *
 * The scripts know two kinds of entries for changes, an old one with a single step (`v1=true`) and
 * a new one; they mean the same and print differently. The core has one, so the kind is kept where
 * only the host looks: in the change's context.
 */
import type { ChangeStep, ConfigurationChange, Transition } from '../../src/raft/configuration.ts';
import { emptyBytes } from '../../src/raft/entry.ts';
import { decodeChange, encodeChange } from '../../src/raft/wire/change.ts';

const typeOfLetter: ReadonlyMap<string, ChangeStep['type']> = new Map([
  ['v', 'add-voter'],
  ['l', 'add-learner'],
  ['r', 'remove-member'],
  ['u', 'update-member'],
]);

const letterOfType = new Map([...typeOfLetter].map(([letter, type]) => [type, letter]));

/** A token that is no step; the message is what a script expects to read. */
export class NotationError extends Error {
  override readonly name = 'NotationError';
}

/** @throws NotationError */
export function parseSteps(text: string): ChangeStep[] {
  const tokens = text.trim().split(' ');
  if (tokens[0] === '') return [];
  return tokens.map((token) => {
    if (token.length < 2) throw new NotationError(`unknown token ${token}`);
    const type = typeOfLetter.get(token[0]!);
    if (type === undefined) throw new NotationError(`unknown input: ${token}`);
    const digits = token.slice(1);
    if (!/^\d+$/.test(digits)) {
      throw new NotationError(`strconv.ParseUint: parsing "${digits}": invalid syntax`);
    }
    return { type, member: Number(digits) };
  });
}

export function formatSteps(steps: readonly ChangeStep[]): string {
  return steps.map((step) => `${letterOfType.get(step.type)}${step.member}`).join(' ');
}

const singleStepMark = Uint8Array.of(1);

/** The data of an entry that proposes the change. */
export function encodeProposedChange(change: {
  readonly steps: readonly ChangeStep[];
  readonly transition: Transition;
  readonly singleStep: boolean;
}): Uint8Array {
  const { steps, transition } = change;
  return encodeChange({
    steps,
    transition,
    context: change.singleStep ? singleStepMark : emptyBytes,
  });
}

export function decodeProposedChange(data: Uint8Array): {
  readonly change: ConfigurationChange;
  readonly singleStep: boolean;
} {
  const change = decodeChange(data);
  return { change, singleStep: change.context.length > 0 };
}
