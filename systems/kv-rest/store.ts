/** The replicated machine: a map of strings, changed by one kind of command. */
import { type Machine, type MachineRestore, type Outcome, QuorateError } from 'quorate';

export interface Pair {
  readonly Key: string;
  readonly Value: string;
}

const CHUNK_PAIRS = 1000;

export class Store implements Machine {
  #values = new Map<string, string>();

  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  apply(command: Uint8Array): Outcome {
    const { Key, Value } = JSON.parse(new TextDecoder().decode(command)) as Pair;
    this.#values.set(Key, Value);
    return { ok: true, value: null };
  }

  *#chunks(pairs: readonly (readonly [string, string])[]): Iterator<Uint8Array, void> {
    for (let i = 0; i < pairs.length; i += CHUNK_PAIRS) {
      const lines = pairs.slice(i, i + CHUNK_PAIRS).map((pair) => `${JSON.stringify(pair)}\n`);
      yield new TextEncoder().encode(lines.join(''));
    }
  }

  snapshot(): Iterator<Uint8Array, void> {
    return this.#chunks([...this.#values]);
  }

  restore(): MachineRestore {
    const values = new Map<string, string>();
    const decoder = new TextDecoder();
    let rest = '';
    return {
      chunk: (bytes) => {
        const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
        rest = lines.pop()!;
        for (const line of lines) values.set(...(JSON.parse(line) as [string, string]));
      },
      finish: () => {
        if (rest !== '') throw new QuorateError('malformed-message', 'a snapshot that ends early');
        this.#values = values;
      },
    };
  }
}
