/**
 * A configuration change as it stands in an entry's data.
 *
 *     transition byte · count · (step byte · member)… · context to the end
 *
 * The empty change, which leaves a joint configuration, takes no bytes, so that no quota can
 * refuse it.
 */
import { ByteReader, ByteWriter } from '../../base/binary.ts';
import { QuorateError } from '../../base/errors.ts';
import type { ChangeStep, ConfigurationChange, Transition } from '../configuration.ts';
import { emptyBytes } from '../entry.ts';

// Positions in these lists are the wire's numbers: only ever append.
const transitions: readonly Transition[] = ['auto', 'joint-implicit', 'joint-explicit', 'forced'];
const stepTypes: readonly ChangeStep['type'][] = [
  'add-voter',
  'add-learner',
  'remove-member',
  'update-member',
];

/** The bytes of a configuration change, for the data of a `configuration` entry. */
export function encodeChange({ transition, steps, context }: ConfigurationChange): Uint8Array {
  if (transition === 'auto' && steps.length === 0 && context.length === 0) return emptyBytes;
  const writer = new ByteWriter(16 + steps.length * 9 + context.length);
  writer.byte(transitions.indexOf(transition)).number(steps.length);
  for (const { type, member } of steps) writer.byte(stepTypes.indexOf(type)).number(member);
  return writer.raw(context).finish();
}

/** @throws QuorateError `malformed-message` */
export function decodeChange(data: Uint8Array): ConfigurationChange {
  if (data.length === 0) return { transition: 'auto', steps: [], context: emptyBytes };
  const reader = new ByteReader(data);
  const transition = named(transitions, reader.byte(), 'transition');
  const steps: ChangeStep[] = [];
  for (let left = reader.count(2); left > 0; left--) {
    const type = named(stepTypes, reader.byte(), 'step');
    steps.push({ type, member: reader.number() });
  }
  return { transition, steps, context: reader.raw(reader.remaining) };
}

function named<Name>(names: readonly Name[], number: number, what: string): Name {
  const name = names[number];
  if (name === undefined) {
    throw new QuorateError('malformed-message', `configuration change: unknown ${what} ${number}`);
  }
  return name;
}
