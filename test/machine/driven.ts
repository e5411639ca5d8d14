/** A typed machine driven by hand, as the engine would: entry after entry, snapshot and restore. */
import type { AnyDefinition, CommandContext, Outcome, TypedMachine } from '../../src/index.ts';

export class Driven {
  machine: TypedMachine;
  index: number;

  constructor(definition: AnyDefinition, index = 0) {
    this.machine = definition.create({ name: 'test' });
    this.index = index;
  }

  get context(): CommandContext {
    return { index: this.index, term: 1, timeMs: 1_700_000_000_000 + this.index };
  }

  /** The next entry of the log. */
  apply(bytes: Uint8Array): Outcome {
    this.index++;
    return this.machine.apply(bytes, this.context);
  }

  /** A command's outcome. */
  outcome(name: string, input?: unknown): Outcome {
    return this.apply(this.machine.encode(name, input) as Uint8Array);
  }

  /** A command's answer; throws its refusal. */
  run(name: string, input?: unknown): unknown {
    const outcome = this.outcome(name, input);
    if (!outcome.ok) throw outcome.error;
    return outcome.value;
  }

  ask(name: string, input?: unknown): unknown {
    return this.machine.ask(name, input);
  }

  snapshot(): Uint8Array[] {
    return chunksOf(this.machine.snapshot());
  }

  restore(chunks: readonly Uint8Array[]): this {
    const restore = this.machine.restore();
    for (const chunk of chunks) restore.chunk(chunk);
    restore.finish();
    this.index = this.machine.lastIndex;
    return this;
  }
}

export function chunksOf(walk: Iterator<Uint8Array, void>): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let step = walk.next(); step.done !== true; step = walk.next()) chunks.push(step.value);
  return chunks;
}
