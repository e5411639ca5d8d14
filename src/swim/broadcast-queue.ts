/**
 * What waits to be gossiped. Each piece is sent retransmitMult · ⌈log10(n + 1)⌉ times: that many
 * rounds of an epidemic reach all n members but for a vanishing share. The least sent come first,
 * among these the largest that still fits, among equals the newest; so news overtakes what most
 * have heard already, and packets are filled well.
 *
 * Invariants: at most `piecesMax` pieces wait, each of at most `pieceBytesMax`, since what fits into
 * no packet would wait for ever; of those about one subject only the newest; of one group at most
 * `perGroupMax`.
 */

/** A piece as it is put in. */
export interface Broadcast {
  readonly bytes: Uint8Array;
  /** What it is about: it replaces the waiting piece about the same. */
  readonly subject?: string;
  /** Its kind, of which only so many may wait. */
  readonly group?: string;
  /** Called once it was sent often enough, was replaced, or was dropped. */
  readonly finished?: () => void;
}

interface Piece {
  readonly broadcast: Broadcast;
  readonly order: number;
  sends: number;
}

export interface BroadcastLimits {
  readonly retransmitMult: number;
  readonly piecesMax: number;
  readonly pieceBytesMax: number;
  readonly perGroupMax: number;
  /** Told of each piece that had to go because of a limit. */
  readonly dropped: (reason: 'queue-full' | 'group-full' | 'too-large') => void;
}

/** How often each piece is sent among `members`. */
export function retransmitLimit(retransmitMult: number, members: number): number {
  return retransmitMult * Math.ceil(Math.log10(members + 1));
}

export class BroadcastQueue {
  readonly #limits: BroadcastLimits;
  /** By the number of sends; each tier from large to small, and from new to old. */
  readonly #tiers: Piece[][] = [];
  readonly #bySubject = new Map<string, Piece>();
  /** Each group from old to new. */
  readonly #groups = new Map<string, Piece[]>();
  #length = 0;
  #order = 0;

  constructor(limits: BroadcastLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#length;
  }

  /** Whether a piece waits that was never sent. */
  get hasUnsent(): boolean {
    return (this.#tiers[0]?.length ?? 0) > 0;
  }

  /** How many pieces of this group wait. */
  lengthOfGroup(group: string): number {
    return this.#groups.get(group)?.length ?? 0;
  }

  add(broadcast: Broadcast): void {
    const { subject, group } = broadcast;
    if (broadcast.bytes.length > this.#limits.pieceBytesMax) {
      this.#limits.dropped('too-large');
      broadcast.finished?.();
      return;
    }
    const replaced = subject === undefined ? undefined : this.#bySubject.get(subject);
    if (replaced !== undefined) this.#finish(replaced);
    const pieces = group === undefined ? undefined : this.#groups.get(group);
    if (pieces !== undefined && pieces.length >= this.#limits.perGroupMax) {
      this.#finish(pieces[0]!);
      this.#limits.dropped('group-full');
    }
    if (this.#length >= this.#limits.piecesMax) {
      this.#finish(this.#leastUseful());
      this.#limits.dropped('queue-full');
    }
    const piece: Piece = { broadcast, order: this.#order++, sends: 0 };
    this.#insert(piece);
    this.#length++;
    if (subject !== undefined) this.#bySubject.set(subject, piece);
    if (group !== undefined) {
      const waiting = this.#groups.get(group);
      if (waiting === undefined) this.#groups.set(group, [piece]);
      else waiting.push(piece);
    }
  }

  /**
   * Adds to `pieces` what is to be sent now, each counted with `overheadBytes`, within `bytesMax`.
   * Returns how many bytes that takes.
   */
  take(
    into: Uint8Array[],
    options: { members: number; overheadBytes: number; bytesMax: number; piecesMax: number },
  ): number {
    if (this.#length === 0) return 0;
    const limit = retransmitLimit(this.#limits.retransmitMult, options.members);
    let bytesLeft = options.bytesMax;
    let piecesLeft = options.piecesMax;
    const taken: Piece[] = [];
    for (let sends = 0; sends < this.#tiers.length; sends++) {
      const tier = this.#tiers[sends]!;
      for (let at = 0; at < tier.length && piecesLeft > 0; ) {
        const piece = tier[at]!;
        const length = piece.broadcast.bytes.length + options.overheadBytes;
        if (length > bytesLeft) {
          at++;
          continue;
        }
        tier.splice(at, 1);
        taken.push(piece);
        into.push(piece.broadcast.bytes);
        bytesLeft -= length;
        piecesLeft--;
      }
    }
    // Only now: what moves up a tier must not be taken twice for one packet.
    for (const piece of taken) {
      piece.sends++;
      if (piece.sends >= limit) this.#forget(piece);
      else this.#insert(piece);
    }
    return options.bytesMax - bytesLeft;
  }

  clear(): void {
    while (this.#length > 0) this.#finish(this.#leastUseful());
  }

  #insert(piece: Piece): void {
    while (this.#tiers.length <= piece.sends) this.#tiers.push([]);
    const tier = this.#tiers[piece.sends]!;
    const length = piece.broadcast.bytes.length;
    let low = 0;
    let high = tier.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = tier[middle]!;
      const otherLength = other.broadcast.bytes.length;
      const isAfter = otherLength > length || (otherLength === length && other.order > piece.order);
      if (isAfter) low = middle + 1;
      else high = middle;
    }
    tier.splice(low, 0, piece);
  }

  /** The piece that was sent most often, of these the oldest. */
  #leastUseful(): Piece {
    for (let sends = this.#tiers.length - 1; ; sends--) {
      const tier = this.#tiers[sends]!;
      if (tier.length > 0) return tier.reduce((a, b) => (a.order < b.order ? a : b));
    }
  }

  #finish(piece: Piece): void {
    const tier = this.#tiers[piece.sends]!;
    tier.splice(tier.indexOf(piece), 1);
    this.#forget(piece);
  }

  #forget(piece: Piece): void {
    const { subject, group, finished } = piece.broadcast;
    this.#length--;
    if (subject !== undefined && this.#bySubject.get(subject) === piece) {
      this.#bySubject.delete(subject);
    }
    if (group !== undefined) {
      const waiting = this.#groups.get(group)!;
      waiting.splice(waiting.indexOf(piece), 1);
      if (waiting.length === 0) this.#groups.delete(group);
    }
    finished?.();
  }
}
