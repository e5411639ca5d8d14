/**
 * Which link to a peer is used. Both sides dial while there is none, so two may come up; then both
 * use the one whose dialer has the lower id, without telling each other, and the lower one closes
 * the other link, the spare, once that is drained.
 *
 * The preferred link may have died without a sign (half-open) while the other side, who noticed, has
 * just dialed: so it is pinged, and where nothing comes in time the spare takes its place. A link
 * from another session of the peer's process, or a second one of the same dialer, shows that the
 * older one is dead.
 */
import type { MemberId } from '../../raft/entry.ts';
import type { Link } from './link.ts';

interface Spare {
  readonly link: Link;
  readonly sinceMs: number;
  /** What had come on the link in use by then: more is a sign of life. */
  readonly bytesIn: number;
}

interface Pair {
  inUse: Link;
  spare: Spare | undefined;
}

/** How long things take. */
export interface SparePatience {
  /** The link in use must have given a sign of life within this. */
  readonly trialMs: number;
  /** A spare is kept at least this long: something may still be on its way. */
  readonly graceMs: number;
  /** A spare is kept no longer, even if it is not drained. */
  readonly spareMsMax: number;
}

export class PeerLinks {
  readonly #pairs = new Map<MemberId, Pair>();

  /** The link to use for a peer. */
  get(peer: MemberId): Link | undefined {
    return this.#pairs.get(peer)?.inUse;
  }

  /** The links to the peer of `link` that must be dead because `link` has come up. */
  outlived(link: Link): readonly Link[] {
    const pair = this.#pairs.get(link.peer);
    if (pair === undefined) return [];
    const known = pair.spare === undefined ? [pair.inUse] : [pair.spare.link, pair.inUse];
    return known.filter(
      ({ hello, dialed }) => hello!.session !== link.hello!.session || dialed === link.dialed,
    );
  }

  /**
   * Takes a link that is up, when those it has outlived are gone. Returns whether it is the peer's
   * only one.
   */
  add(link: Link, facts: { readonly self: MemberId; readonly nowMs: number }): boolean {
    const pair = this.#pairs.get(link.peer);
    if (pair === undefined) {
      this.#pairs.set(link.peer, { inUse: link, spare: undefined });
      return true;
    }
    const other = pair.inUse;
    const preferred = link.dialed === facts.self < link.peer ? link : other;
    const spare = preferred === link ? other : link;
    pair.inUse = preferred;
    pair.spare = { link: spare, sinceMs: facts.nowMs, bytesIn: preferred.bytesIn };
    return false;
  }

  /** A link is over. `down`: the peer has none any more. `replaced`: its spare is in use now. */
  remove(link: Link): 'down' | 'replaced' | 'unused' {
    const pair = this.#pairs.get(link.peer);
    if (pair?.spare?.link === link) pair.spare = undefined;
    if (pair?.inUse !== link) return 'unused';
    if (pair.spare === undefined) {
      this.#pairs.delete(link.peer);
      return 'down';
    }
    pair.inUse = pair.spare.link;
    pair.spare = undefined;
    return 'replaced';
  }

  /** The links to close now: drained spares, or links in use that gave no sign of life. */
  toClose(
    nowMs: number,
    patience: SparePatience,
    isDrained: (link: Link) => boolean,
  ): readonly Link[] {
    const links: Link[] = [];
    for (const { inUse, spare } of this.#pairs.values()) {
      if (spare === undefined) continue;
      const ageMs = nowMs - spare.sinceMs;
      if (inUse.bytesIn === spare.bytesIn) {
        if (ageMs >= patience.trialMs) links.push(inUse);
        continue;
      }
      const drained = inUse.dialed && ageMs >= patience.graceMs && isDrained(spare.link);
      if (drained || ageMs >= patience.spareMsMax) links.push(spare.link);
    }
    return links;
  }
}
