/**
 * Ids of 64 bits for members, which are counted 1, 2, 3 … among themselves: etcd's clients expect
 * ids that look random, and that differ from cluster to cluster.
 */

/** Mixes by Stafford's variant 13 of splitmix64; one to one for members of a cluster, never 0. */
export function memberIdFor(clusterId: bigint, member: number): bigint {
  if (member === 0) return 0n;
  const seed = clusterId + BigInt(member) * 0x9e3779b97f4a7c15n;
  let mixed = BigInt.asUintN(64, seed);
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
  mixed ^= mixed >> 31n;
  return mixed === 0n ? 1n : mixed;
}
