/**
 * The state machine that the members replicate: a hash over all that was applied, so that two
 * states are equal just where their histories are.
 */
import type { ConfigurationState } from '../../src/raft/configuration.ts';
import type { Entry } from '../../src/raft/entry.ts';

export interface MachineState {
  readonly index: number;
  readonly hash: number;
  /** The configuration in force after `index`. */
  readonly configuration: ConfigurationState;
}

/** A command: what it is, and the term that it requires (0: any). */
export interface Command {
  readonly id: number;
  readonly requiredTerm: number;
}

export function encodeCommand({ id, requiredTerm }: Command, padding: number): Uint8Array {
  const bytes = new Uint8Array(8 + padding);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, id);
  view.setUint32(4, requiredTerm);
  return bytes;
}

/** Undefined for an entry without a command: a leader's first, or a refused change. */
export function decodeCommand({ type, data }: Entry): Command | undefined {
  if (type !== 'normal' || data.length < 8) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  return { id: view.getUint32(0), requiredTerm: view.getUint32(4) };
}

export function hashBytes(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

function mix(hash: number, value: number): number {
  let mixed = Math.imul(hash ^ value, 0x9e3779b1);
  mixed ^= mixed >>> 15;
  return Math.imul(mixed, 0x85ebca77) >>> 0;
}

export function hashEntry({ term, index, type, data }: Entry): number {
  return mix(mix(mix(hashBytes(data), term), index), type === 'normal' ? 1 : 2);
}

export function applyEntry(
  state: MachineState,
  entry: Entry,
  configuration: ConfigurationState,
): MachineState {
  return { index: entry.index, hash: mix(state.hash, hashEntry(entry)), configuration };
}

export function encodeState({ index, hash }: MachineState): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, index);
  view.setUint32(4, hash);
  return bytes;
}

export function decodeState(data: Uint8Array, configuration: ConfigurationState): MachineState {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  return { index: view.getUint32(0), hash: view.getUint32(4), configuration };
}
