/** A machine for tests: it keeps every command as text, in order, and refuses the word `refuse`. */
import { type Machine, type MachineRestore, type Outcome, QuorateError } from '../../src/index.ts';

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (from: Uint8Array): string => new TextDecoder().decode(from);

export class Journal implements Machine {
  lines: string[] = [];
  /** How often a snapshot was taken back. */
  restored = 0;

  apply(command: Uint8Array): Outcome {
    const line = text(command);
    if (line === 'refuse') {
      return { ok: false, error: new QuorateError('unsafe-change', 'the journal refuses that') };
    }
    this.lines.push(line);
    return { ok: true, value: this.lines.length };
  }

  snapshot(): Iterator<Uint8Array, void> {
    return [bytes(JSON.stringify(this.lines))].values();
  }

  restore(): MachineRestore {
    let whole = '';
    return {
      chunk: (part) => {
        whole += text(part);
      },
      finish: () => {
        this.lines = JSON.parse(whole) as string[];
        this.restored++;
      },
    };
  }
}
