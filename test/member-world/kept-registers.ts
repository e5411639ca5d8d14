/**
 * Registers whose state outlives their process: what was flushed lies on a shelf beside the world,
 * and a flush takes a while and is lost when the process ends before. The shelf is asked what the
 * engine promises: a machine is never given an entry that it holds already.
 */
import type { CommandContext, Kept, KeptMark, Outcome } from '../../src/engine/machine.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import { type Observer, Registers } from './registers.ts';

interface Saved {
  readonly mark: KeptMark;
  readonly image: readonly Uint8Array[];
}

/** One member's store. */
export class Shelf {
  saved: Saved | undefined;
  flushes = 0;
  /** Processes that went on from what is saved. */
  resumed = 0;
  /** Snapshots that were taken back. */
  restored = 0;
}

/** Commands in memory alone, at which the engine shall flush, and wait. */
const muchCommands = 25;
const fullCommands = 60;

export class KeptRegisters extends Registers {
  readonly kept: Kept;
  readonly #shelf: Shelf;
  #unsaved = 0;
  #flushing = false;
  #appliedIndex = 0;

  constructor(
    shelf: Shelf,
    ports: { readonly clock: Clock; readonly random: Random },
    o: Observer,
  ) {
    super(o);
    this.#shelf = shelf;
    const { saved } = shelf;
    if (saved !== undefined) {
      shelf.resumed++;
      const restore = super.restore();
      for (const chunk of saved.image) restore.chunk(chunk);
      restore.finish();
      this.#appliedIndex = saved.mark.position.index;
    }
    this.kept = {
      mark: () => shelf.saved?.mark,
      pressure: () => {
        if (this.#unsaved >= fullCommands) return 'full';
        return this.#unsaved >= muchCommands ? 'much' : 'little';
      },
      flush: (mark, done) => {
        if (this.#flushing) throw new Error('two flushes at once');
        this.#flushing = true;
        this.#unsaved = 0;
        const image = [...this.#image()];
        ports.clock.after(1 + 200 * ports.random.fraction(), () => {
          this.#flushing = false;
          shelf.flushes++;
          shelf.saved = { mark, image };
          done(null);
        });
      },
    };
  }

  *#image(): Generator<Uint8Array> {
    const chunks = this.snapshot();
    for (let next = chunks.next(); next.done !== true; next = chunks.next()) yield next.value;
  }

  override apply(command: Uint8Array, context: CommandContext): Outcome {
    if (context.index <= this.#appliedIndex) throw new Error(`entry ${context.index} comes twice`);
    this.#appliedIndex = context.index;
    this.#unsaved++;
    return super.apply(command, context);
  }

  override restore() {
    if (this.#flushing) throw new Error('restored in the midst of a flush');
    this.#shelf.saved = undefined;
    this.#shelf.restored++;
    this.#appliedIndex = 0;
    return super.restore();
  }
}
