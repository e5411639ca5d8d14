/**
 * The machine that `quorate sim` runs: registers with versions. Small, but all that goes wrong in
 * replication shows in it: an answer carries the version, which counts the register's changes, so
 * that a lost, doubled or reordered command contradicts an answer.
 */
import type { CommandContext, Machine, MachineRestore, Outcome } from '../../engine/machine.ts';
import type { Model } from '../checkers/linearizability.ts';

/** What a client asks. */
export type RegisterInput =
  | { readonly type: 'write'; readonly key: string; readonly value: number }
  /** Writes only if the version is this. */
  | {
      readonly type: 'swap';
      readonly key: string;
      readonly version: number;
      readonly value: number;
    }
  | { readonly type: 'add'; readonly key: string; readonly by: number }
  | { readonly type: 'read'; readonly key: string };

/** What it is told: the register after the command. */
export interface Register {
  readonly version: number;
  readonly value: number;
}

const decoder = new TextDecoder();

/** A change, with an id where it shall be known how often it took effect. */
export interface Change {
  readonly input: RegisterInput;
  readonly id?: string | undefined;
}

/** What a register is before it is first changed. */
export const noRegister: Register = { version: 0, value: 0 };

/** One command on one register: what it is afterwards. */
export function applyTo(register: Register, input: RegisterInput): Register {
  const { version, value } = register;
  switch (input.type) {
    case 'write':
      return { version: version + 1, value: input.value };
    case 'swap':
      return version === input.version ? { version: version + 1, value: input.value } : register;
    case 'add':
      return { version: version + 1, value: value + input.by };
    case 'read':
      return register;
  }
}

/** The same as a model, for histories. */
export const registerModel: Model<Register, RegisterInput, Register> = {
  initial: noRegister,
  step(state, input, output) {
    const after = applyTo(state, input);
    if (output === undefined) return after;
    return after.version === output.version && after.value === output.value ? after : undefined;
  },
  // Each change is one version; a write or an addition answers with its own.
  distance({ version }, { type }, output) {
    const isNew = type === 'write' || type === 'add';
    if (output.version < version || (isNew && output.version === version)) return Infinity;
    const before = type === 'read' ? output.version : output.version - 1;
    return Math.max(0, before - version);
  },
  key: ({ version, value }) => `${version}:${value}`,
  reads: ({ type }) => type === 'read',
  partOf: ({ key }) => key,
};

const effectsPerChunk = 500;

/** See above. */
export class Registers implements Machine {
  #registers = new Map<string, Register>();
  #effects = new Map<string, number>();
  #hash = 1;

  read(key: string): Register {
    return this.#registers.get(key) ?? noRegister;
  }

  /** How often each change that has an id took effect. */
  get effects(): ReadonlyMap<string, number> {
    return this.#effects;
  }

  apply(command: Uint8Array, { index }: CommandContext): Outcome {
    const text = decoder.decode(command);
    const { id, ...input } = JSON.parse(text) as RegisterInput & { readonly id?: string };
    const after = applyTo(this.read(input.key), input);
    this.#registers.set(input.key, after);
    if (id !== undefined) this.#effects.set(id, (this.#effects.get(id) ?? 0) + 1);
    this.#hash = mix(mix(mix(this.#hash, index), after.version), after.value);
    return { ok: true, value: after };
  }

  snapshot(): Iterator<Uint8Array, void> {
    const encoder = new TextEncoder();
    const lines = [...this.#registers].map(
      ([key, { version, value }]) => `${key} ${version} ${value}\n`,
    );
    const effects = [...this.#effects].map(([id, count]) => `${id} ${count}\n`);
    for (let at = 0; at < effects.length; at += effectsPerChunk) {
      lines.push(effects.slice(at, at + effectsPerChunk).join(''));
    }
    return [`${this.#hash}\n`, ...lines].map((line) => encoder.encode(line)).values();
  }

  restore(): MachineRestore {
    const stream = new TextDecoder();
    let text = '';
    return {
      chunk: (bytes) => {
        text += stream.decode(bytes, { stream: true });
      },
      finish: () => {
        const [hash, ...lines] = text.split('\n');
        this.#hash = Number(hash);
        this.#registers = new Map();
        this.#effects = new Map();
        for (const line of lines) {
          const [key, version, value] = line.split(' ');
          if (version === undefined) continue;
          // An id and a count.
          if (value === undefined) this.#effects.set(key!, Number(version));
          else this.#registers.set(key!, { version: Number(version), value: Number(value) });
        }
      },
    };
  }

  hash(): number {
    return this.#hash;
  }
}

function mix(hash: number, value: number): number {
  return (Math.imul(hash ^ (value | 0), 0x01000193) ^ (hash >>> 15)) >>> 0;
}
