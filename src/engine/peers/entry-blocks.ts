/**
 * Blocks of bytes as they lie in frames, with their checksums, and the memory of a turn: followers
 * that stand at the same place get the same entries, which are encoded and summed once for all.
 */
import { xxhash32Of } from '../../base/xxhash32.ts';
import type { Entry } from '../../raft/entry.ts';
import { encodeEntries } from './entry-codec.ts';

/** Bytes that never change, and their XXH32. */
export interface Block {
  readonly bytes: Uint8Array;
  readonly hash: number;
}

export function blockOf(bytes: Uint8Array): Block {
  return { bytes, hash: xxhash32Of(bytes) };
}

/** How many blocks are remembered: more than a turn has for one follower and one busy group. */
const REMEMBERED_MAX = 64;

export class EntryBlocks {
  #remembered: { readonly entries: readonly Entry[]; readonly block: Block }[] = [];

  /** The block of an append's entries. */
  of(entries: readonly Entry[]): Block {
    for (const known of this.#remembered) if (same(known.entries, entries)) return known.block;
    const block = blockOf(encodeEntries(entries));
    // Once a peer's messages fill the memory, the next peer's find the first of them there.
    if (this.#remembered.length < REMEMBERED_MAX) this.#remembered.push({ entries, block });
    return block;
  }

  /** At the end of a turn: entries are not to be kept alive for this. */
  forget(): void {
    if (this.#remembered.length > 0) this.#remembered = [];
  }
}

/** Entries never change, so the same objects mean the same bytes. */
function same(a: readonly Entry[], b: readonly Entry[]): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
