/** A model on a store of a simulated node, which can crash. */
import { Model, type ModelOptions } from '../../src/mvcc/model.ts';
import type { Store } from '../../src/ports/store.ts';
import { World } from '../../src/sim/world.ts';
import { LayeredStore } from '../../src/store/layered-store.ts';

export class ModelWorld {
  readonly world: World;
  readonly node;
  store!: LayeredStore;
  model!: Model;
  readonly #options: ModelOptions;

  // Pages as small as these come and go all the time, and serve every range.
  constructor(seed = 1, options: ModelOptions = { pages: { bytesMax: 4000, keysMin: 1 } }) {
    this.#options = options;
    this.world = new World({ seed });
    this.node = this.world.node('a');
    this.open();
  }

  open(): void {
    let found: Store | undefined;
    this.node.ports.stores.open('kv', (answer) => {
      if (answer instanceof Error) throw answer;
      found = answer;
    });
    this.world.runUntil(() => found !== undefined, { limitMs: 1000 });
    this.store = new LayeredStore(found!);
    this.model = new Model(this.store, this.#options);
  }

  /** Begins to write behind what was applied, saying that it is the state at `index`. */
  startFlush(index: number, done: () => void = () => {}): void {
    this.model.save();
    const mark = { position: { index, term: 1 }, state: new Uint8Array(0) };
    this.store.flush(mark, (error) => {
      if (error !== null) throw error;
      done();
    });
  }

  flush(index: number): void {
    let done = false;
    this.startFlush(index, () => {
      done = true;
    });
    this.world.runUntil(() => done, { limitMs: 1000 });
  }

  /** A power loss and a new process; answers the index that its state is of. */
  crash(): number {
    this.node.crash();
    this.node.restart();
    this.open();
    return this.store.mark()?.position.index ?? 0;
  }
}
