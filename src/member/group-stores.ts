/** The stores of a member's groups whose machines keep their state on disk: one each, by name. */
import { QuorateError } from '../base/errors.ts';
import type { Store, Stores } from '../ports/store.ts';

export class GroupStores {
  readonly #stores: Stores;
  readonly #open = new Map<string, Store>();

  constructor(stores: Stores) {
    this.#stores = stores;
  }

  /** @throws QuorateError `group-open`, `store-damaged`, `disk-failed`, `disk-full` */
  open(group: string): Promise<Store> {
    if (this.#open.has(group)) {
      throw new QuorateError('group-open', `group ${group} is open in this member already`);
    }
    return new Promise((resolve, reject) => {
      this.#stores.open(storePath(group), (answer) => {
        if (answer instanceof QuorateError) return reject(answer);
        this.#open.set(group, answer);
        resolve(answer);
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
    await Promise.all([...this.#open.keys()].map((group) => this.close(group)));
  }
}

/** A directory for a group of any name: what is no letter, digit or minus is written by its code. */
export function storePath(group: string): string {
  const name = [...new TextEncoder().encode(group)].map((byte) => {
    const letter = String.fromCharCode(byte);
    return /[A-Za-z0-9-]/.test(letter) ? letter : `_${byte.toString(16).padStart(2, '0')}`;
  });
  return `stores/${name.join('')}`;
}

/** Where the key-value service has a group's store. */
export function kvStorePath(group: string): string {
  return `store/${group}`;
}
