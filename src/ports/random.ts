/** A source of randomness. In a simulation it is seeded, so that a run can be repeated. */
export interface Random {
  /** A whole number in 0 … 2^32 − 1, each as likely as any other. */
  uint32(): number;
  /** A whole number in 0 … `limit` − 1; `limit` in 1 … 2^32. */
  below(limit: number): number;
  /** A number in [0, 1). */
  fraction(): number;
}
