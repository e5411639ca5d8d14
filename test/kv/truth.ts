/**
 * What really happened, as the replicas applied it: the changes of each revision. All replicas, in
 * all their lives, must tell the same; and what clients were told must fit it.
 *
 * Revisions put all writes in one order, so whether a history is linearizable needs no search: it is
 * if every answer fits the state at its own revision, and revisions never go back from an operation
 * that had returned to one that began after that.
 */
import type { KeyEvent, KeyValue, RangeResponse } from '../../src/mvcc/request.ts';
import { text } from './kv-cluster.ts';

export interface Change {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly version: number;
  readonly lease: bigint;
}

export class Truth {
  /** What was found wrong so far. */
  readonly wrong: string[] = [];
  readonly #changes = new Map<number, readonly Change[]>();
  readonly #revisionAt = new Map<number, { revision: number; hash: number; name: string }>();
  /** Where each value was written; values are unique. */
  readonly #written = new Map<string, number>();
  latest = 1;
  /** The highest revision that any answer has shown. */
  shown = 1;

  /** A replica has applied a command. */
  applied(
    name: string,
    index: number,
    { revision, hash, events }: { revision: number; hash: number; events: readonly KeyEvent[] },
  ): void {
    const known = this.#revisionAt.get(index);
    if (known === undefined) this.#revisionAt.set(index, { revision, hash, name });
    else if (known.revision !== revision || known.hash !== hash) {
      this.wrong.push(
        `index ${index} is revision ${known.revision} on ${known.name}, ${revision} on ${name}`,
      );
    }
    if (events.length === 0) return;
    const changes = events.map(changeOf);
    const before = this.#changes.get(revision);
    if (before !== undefined) {
      if (JSON.stringify(before, plain) !== JSON.stringify(changes, plain)) {
        this.wrong.push(`revision ${revision} is another one on ${name}`);
      }
      return;
    }
    if (revision !== this.latest + 1)
      this.wrong.push(`${name}: revision ${revision} follows ${this.latest}`);
    this.latest = revision;
    this.#changes.set(revision, changes);
    for (const { value } of changes) {
      if (value === '') continue;
      if (this.#written.has(value)) this.wrong.push(`${value} was written twice`);
      this.#written.set(value, revision);
    }
  }

  changes(revision: number): readonly Change[] {
    return this.#changes.get(revision) ?? [];
  }

  writtenAt(value: string): number | undefined {
    return this.#written.get(value);
  }

  /** A key as it was at a revision. */
  state(key: string, revision: number): (Change & { modRevision: number }) | undefined {
    for (let at = Math.min(revision, this.latest); at > 1; at--) {
      const change = this.changes(at).find((each) => each.key === key);
      if (change !== undefined)
        return change.type === 'put' ? { ...change, modRevision: at } : undefined;
    }
    return undefined;
  }

  keys(revision: number): string[] {
    const keys = new Set<string>();
    for (let at = 2; at <= revision; at++) {
      for (const { type, key } of this.changes(at)) {
        if (type === 'put') keys.add(key);
        else keys.delete(key);
      }
    }
    return [...keys].sort();
  }

  /** An answer of all keys must be the state at its revision. */
  checkAll({ revision, kvs }: RangeResponse, what: string): void {
    const expected = this.keys(revision);
    const found = kvs.map(({ key }) => text(key));
    if (expected.join() !== found.join()) {
      this.wrong.push(`${what} shows ${found.join()} at ${revision}, not ${expected.join()}`);
    }
    for (const kv of kvs) this.checkKey(kv, revision, what);
  }

  checkKey(kv: KeyValue, revision: number, what: string): void {
    const state = this.state(text(kv.key), revision);
    const same =
      state !== undefined &&
      state.value === text(kv.value) &&
      state.modRevision === kv.modRevision &&
      state.createRevision === kv.createRevision &&
      state.version === kv.version &&
      state.lease === kv.lease;
    if (!same) this.wrong.push(`${what}: ${text(kv.key)} at ${revision} is not ${text(kv.value)}`);
  }
}

function changeOf({ type, kv }: KeyEvent): Change {
  const { createRevision, version, lease } = kv;
  return { type, key: text(kv.key), value: text(kv.value), createRevision, version, lease };
}

function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
