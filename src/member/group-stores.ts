/** The stores of a member's groups whose machines keep their state on disk: one each, by name. */
import { QuorateError } from '../base/errors.ts';
import type { GroupId } from '../engine/event.ts';
import { keptGroup } from '../engine/group-state.ts';
import type { Disk } from '../ports/disk.ts';
import type { Store, Stores } from '../ports/store.ts';
import { LayeredStore } from '../store/layered-store.ts';

const storesDirectory = 'stores';

export class GroupStores {
  readonly #stores: Stores;
  readonly #disk: Disk;
  readonly #open = new Map<string, Store>();
  /** The look at what is left of groups that were removed; whoever opens a store waits for it. */
  #sweeping: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(stores: Stores, disk: Disk) {
    this.#stores = stores;
    this.#disk = disk;
  }

  /**
   * Removes stores of groups that were deleted while this member was away, and that nobody opens
   * here any more. Which group a store is of stands in it; one in which nothing stands is of no use.
   * @param mayRemain whether a group of that name is to be left alone, unseen
   */
  sweep(
    mayRemain: (name: string) => boolean,
    isRemoved: (group: GroupId) => boolean,
  ): Promise<void> {
    const before = this.#sweeping.catch(() => {});
    this.#sweeping = before.then(async () => {
      for (const name of await this.#names()) {
        if (this.#closed || this.#open.has(name) || mayRemain(name)) continue;
        const store = await this.#openStore(name);
        const mark = new LayeredStore(store).mark();
        this.#open.set(name, store);
        if (mark === undefined || isRemoved(keptGroup(mark.state))) await this.removeOpen(name);
        else await this.close(name);
      }
    });
    return this.#sweeping;
  }

  /** Names of groups that have a store here. */
  #names(): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      this.#disk.list(storesDirectory, (names) => {
        if (!(names instanceof QuorateError)) resolve(names.map(groupOf));
        else if (names.code === 'file-not-found') resolve([]);
        else reject(names);
      });
    });
  }

  /** @throws QuorateError `group-open`, `store-damaged`, `disk-failed`, `disk-full` */
  async open(group: string): Promise<Store> {
    await this.#sweeping.catch(() => {});
    if (this.#open.has(group)) {
      throw new QuorateError('group-open', `group ${group} is open in this member already`);
    }
    const store = await this.#openStore(group);
    this.#open.set(group, store);
    return store;
  }

  #openStore(group: string): Promise<Store> {
    return new Promise((resolve, reject) => {
      this.#stores.open(storePath(group), (answer) => {
        if (answer instanceof QuorateError) reject(answer);
        else resolve(answer);
      });
    });
  }

  /** Nobody uses it any more. */
  close(group: string): Promise<void> {
    const store = this.#open.get(group);
    this.#open.delete(group);
    return new Promise((resolve) => {
      if (store === undefined) resolve();
      else store.close(() => resolve());
    });
  }

  /** Removes a group's open store with all that it holds; a group without one has nothing to lose. */
  async removeOpen(group: string): Promise<void> {
    if (!this.#open.has(group)) return;
    await this.close(group);
    await new Promise<void>((resolve, reject) => {
      this.#stores.remove(storePath(group), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }

  async closeAll(): Promise<void> {
    this.#closed = true;
    await this.#sweeping.catch(() => {});
    await Promise.all([...this.#open.keys()].map((group) => this.close(group)));
  }
}

/** A directory for a group of any name: what is no letter, digit or minus is written by its code. */
export function storePath(group: string): string {
  const name = [...new TextEncoder().encode(group)].map((byte) => {
    const letter = String.fromCharCode(byte);
    return /[A-Za-z0-9-]/.test(letter) ? letter : `_${byte.toString(16).padStart(2, '0')}`;
  });
  return `${storesDirectory}/${name.join('')}`;
}

/** The group that a directory's name stands for. */
function groupOf(name: string): string {
  const bytes = name.match(/_[0-9a-f]{2}|[^_]/g) ?? [];
  const codes = bytes.map((each) =>
    each.length === 1 ? each.charCodeAt(0) : Number.parseInt(each.slice(1), 16),
  );
  return new TextDecoder().decode(Uint8Array.from(codes));
}

/** Where the key-value service has a group's store. */
export function kvStorePath(group: string): string {
  return `store/${group}`;
}
