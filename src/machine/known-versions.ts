/** Which states a definition can take: those of versions that it knows, made of the same parts. */
import { QuorateError } from '../base/errors.ts';
import type { MachineFacts } from '../engine/machine.ts';
import { partsOf, partsText, sameParts } from './part-facts.ts';
import type { DefinitionFacts } from './shape.ts';

/**
 * The definition of a version.
 * @throws QuorateError `machine-too-old`, `machine-too-new`: this program cannot go on
 */
export function knownVersion(definition: DefinitionFacts, version: number): DefinitionFacts {
  const known = definition.chain.find((each) => each.version === version);
  if (known !== undefined) return known;
  const { version: newest, base } = definition;
  const text = `the machine is of version ${version}, this member knows ${base} to ${newest}`;
  throw new QuorateError(version > newest ? 'machine-too-old' : 'machine-too-new', text);
}

/** @throws QuorateError `wrong-machine`, and as {@link knownVersion} */
export function checkFacts(definition: DefinitionFacts, facts: MachineFacts): void {
  const { kind, version, parts } = facts;
  if (kind !== 'typed') {
    throw new QuorateError('wrong-machine', `the state is of a machine of kind ${kind}`);
  }
  // Before the first command there is no state.
  if (version === 0) return;
  const own = partsOf(knownVersion(definition, version).state);
  if (sameParts(own, parts)) return;
  const text = `the state has ${partsText(parts)}; the machine has ${partsText(own)}`;
  throw new QuorateError('wrong-machine', text);
}
