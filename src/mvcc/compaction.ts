/**
 * Compaction: what was superseded or deleted below a revision is given up. That it can no longer be
 * read is settled at once, when the command is applied; the work of removing it is done afterwards in
 * small steps whenever there is time, by each replica for itself, and goes on after a restart.
 *
 * A step does not look at the whole store, only at what was written between the last compaction and
 * this one: each record names the one that it superseded, which is now obsolete; and a deletion is
 * obsolete itself. What happened at the revision of the compaction stays until the next one, for
 * watches may begin there.
 */
import { equalBytes } from '../base/compare-bytes.ts';
import { readEntry } from './key-index.ts';
import type { ModelParts } from './key-writer.ts';
import { type Revision, revisionKey, revisionOf } from './layout.ts';
import { decodeRecord } from './record.ts';

/** Where the work stands. */
export class Compaction {
  readonly #parts: ModelParts;
  /** A sweep that is under way: up to where, even if more is to be compacted by now, and what is next. */
  #sweep: { readonly target: number; readonly next: Revision } | undefined;

  constructor(parts: ModelParts) {
    this.#parts = parts;
  }

  /** Whether anything is left to be removed. */
  get pending(): boolean {
    const { facts } = this.#parts;
    return facts.compactedThrough < facts.compactRevision;
  }

  /**
   * Looks at up to `recordsMax` records and removes what is obsolete. To be called between commands;
   * answers whether there is more to do.
   */
  step(recordsMax: number): boolean {
    if (!this.pending) return false;
    const { store, facts, index } = this.#parts;
    const target = this.#sweep?.target ?? facts.compactRevision;
    // Deletions at the last compaction's revision were left standing by it.
    const from = this.#sweep?.next ?? { main: Math.max(facts.compactedThrough, 0), sub: 0 };
    const obsolete: Uint8Array[] = [];
    const deleted: { readonly key: Uint8Array; readonly at: Uint8Array }[] = [];
    let looked = 0;
    let last: Revision | undefined;
    for (const { key: at, value } of store.range({
      from: revisionKey(from.main, from.sub),
      to: revisionKey(target + 1, 0),
    })) {
      const revision = revisionOf(at);
      const record = decodeRecord(value);
      if (record.previous !== undefined && record.previous.main < target) {
        obsolete.push(revisionKey(record.previous.main, record.previous.sub));
      }
      if (record.deleted && revision.main < target) deleted.push({ key: record.key, at });
      last = revision;
      if (++looked >= recordsMax) break;
    }
    for (const at of obsolete) store.remove(at);
    for (const { key, at } of deleted) {
      store.remove(at);
      const { latest, deleted: gone } = readEntry(store, key) ?? { latest: undefined };
      if (gone && latest && equalBytes(revisionKey(latest.main, latest.sub), at)) index.remove(key);
    }
    if (looked < recordsMax || last === undefined) {
      facts.compactedThrough = target;
      this.#sweep = undefined;
    } else this.#sweep = { target, next: { main: last.main, sub: last.sub + 1 } };
    store.commit();
    return this.pending;
  }
}
