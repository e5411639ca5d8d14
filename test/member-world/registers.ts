/**
 * The machine of these tests: registers that remember all that was ever written to them, and a hash
 * of every command in its order. Each apply is told to an observer, who sees all replicas.
 */
import type { CommandContext, Machine, MachineRestore, Outcome } from '../../src/engine/machine.ts';

export interface WriteCommand {
  readonly key: string;
  readonly value: string;
}

/** A register's latest value; its version counts the writes, 0 for none. */
export interface Reading {
  readonly version: number;
  readonly value: string | undefined;
}

/** Hears how a replica stands after each command, and after each snapshot. */
export type Observer = (index: number, hash: number) => void;

interface Image {
  readonly index: number;
  readonly hash: number;
  readonly keys: readonly (readonly [key: string, values: readonly string[]])[];
}

const chunkBytes = 4096;

export class Registers implements Machine {
  #keys = new Map<string, string[]>();
  #index = 0;
  #hash = 1;
  readonly #observe: Observer;

  constructor(observe: Observer) {
    this.#observe = observe;
  }

  /** All values of a register, in the order in which they were written. */
  valuesOf(key: string): readonly string[] {
    return this.#keys.get(key) ?? [];
  }

  read(key: string): Reading {
    const values = this.valuesOf(key);
    return { version: values.length, value: values[values.length - 1] };
  }

  keys(): string[] {
    return [...this.#keys.keys()].sort();
  }

  apply(command: Uint8Array, { index }: CommandContext): Outcome {
    const { key, value } = JSON.parse(new TextDecoder().decode(command)) as WriteCommand;
    const values = this.#keys.get(key) ?? [];
    values.push(value);
    this.#keys.set(key, values);
    this.#index = index;
    for (const byte of command) this.#hash = (Math.imul(this.#hash, 0x01000193) ^ byte) >>> 0;
    this.#hash = (Math.imul(this.#hash, 0x01000193) ^ index) >>> 0;
    this.#observe(index, this.#hash);
    return { ok: true, value: values.length };
  }

  snapshot(): Iterator<Uint8Array, void> {
    const keys = [...this.#keys].map(([key, values]) => [key, [...values]] as const);
    const image: Image = { index: this.#index, hash: this.#hash, keys };
    const bytes = new TextEncoder().encode(JSON.stringify(image));
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      chunks.push(bytes.subarray(at, at + chunkBytes));
    }
    return chunks.values();
  }

  restore(): MachineRestore {
    const decoder = new TextDecoder();
    let text = '';
    return {
      chunk: (bytes) => {
        text += decoder.decode(bytes, { stream: true });
      },
      finish: () => {
        const { index, hash, keys } = JSON.parse(text + decoder.decode()) as Image;
        this.#keys = new Map(keys.map(([key, values]) => [key, [...values]]));
        this.#index = index;
        this.#hash = hash;
        if (index > 0) this.#observe(index, hash);
      },
    };
  }

  hash(): number {
    return this.#hash;
  }
}

export function encodeWrite(command: WriteCommand): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(command));
}
