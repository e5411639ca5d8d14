/**
 * Who a directory belongs to: the file `identity`, which is written atomically as the last step of
 * founding a directory, and read before anything else in it is believed.
 *
 *     magic, 8 bytes · format version · cluster id · member id · incarnation · name · CRC32C
 *
 * The incarnation is drawn at random when the directory is made: a member that comes back with
 * another one has lost its disk, and its peers refuse it. Checksums in the log start from all of
 * these (see segment-format.ts), so that another directory's files are never taken for its own.
 */
export interface Identity {
  /** 1 … 2^53 − 1. */
  readonly clusterId: number;
  /** 1 … 2^53 − 1. */
  readonly memberId: number;
  /** 1 … 2^53 − 1, random. */
  readonly incarnation: number;
  /** The member's name, for people; at most 256 bytes of UTF-8. */
  readonly name: string;
}
