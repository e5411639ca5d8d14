/**
 * How two members meet: the dialer says `hello`, the other `welcome` or `refusal`, each naming
 * itself, and either closes the link by a stable name where something is wrong. Bytes that do not
 * begin with our magic belong to somebody else's protocol and are handed over.
 */
import { ByteReader, ByteWriter } from '../../base/binary.ts';
import { type ErrorCode, errorCodes, QuorateError } from '../../base/errors.ts';
import type { MemberId } from '../../raft/entry.ts';

/** The first bytes of a link between members; no other protocol begins so. */
export const magic = new Uint8Array([0x51, 0x52, 0x54, 0x0a]);

export const protocolVersion = 1;

/** Who speaks, and to whom. */
export interface Hello {
  readonly protocolVersion: number;
  readonly clusterId: number;
  /** 0 for a process that is not a member yet: it may only ask to join. */
  readonly member: MemberId;
  readonly incarnation: number;
  /** Whom the speaker means; 0 for whoever answers. */
  readonly to: MemberId;
  /** What the speaker understands beyond the protocol version. */
  readonly features: readonly string[];
  /** Fresh for each link: the other side's proof is over it. */
  readonly nonce: Uint8Array;
  /** Where a join secret is shared: proof over the other's nonce; empty before it is known. */
  readonly proof: Uint8Array;
}

const FEATURES_MAX = 64;

export function encodeHello(hello: Hello): Uint8Array {
  const writer = new ByteWriter()
    .number(hello.protocolVersion)
    .number(hello.clusterId)
    .number(hello.member)
    .number(hello.incarnation)
    .number(hello.to)
    .number(hello.features.length);
  for (const feature of hello.features) writer.bytes(new TextEncoder().encode(feature));
  return writer.bytes(hello.nonce).bytes(hello.proof).finish();
}

/** @throws QuorateError `malformed-message`. What a later version adds behind is left unread. */
export function decodeHello(payload: Uint8Array): Hello {
  const reader = new ByteReader(payload);
  const [version, clusterId, member, incarnation, to] = [
    reader.number(),
    reader.number(),
    reader.number(),
    reader.number(),
    reader.number(),
  ];
  const count = reader.count(1);
  if (count > FEATURES_MAX) throw new QuorateError('malformed-message', `${count} features`);
  const features = Array.from({ length: count }, () => new TextDecoder().decode(reader.bytes()));
  const nonce = reader.bytes();
  const proof = reader.bytes();
  return {
    protocolVersion: version,
    clusterId,
    member,
    incarnation,
    to,
    features,
    nonce,
    proof,
  };
}

/** An error as it crosses a link: its code keeps its meaning on the other side. */
export function encodeError({ code, message, maybeApplied, details }: QuorateError): Uint8Array {
  const leader = typeof details['leader'] === 'number' ? details['leader'] : 0;
  return new ByteWriter()
    .bytes(new TextEncoder().encode(code))
    .bytes(new TextEncoder().encode(message))
    .byte(maybeApplied ? 1 : 0)
    .number(leader)
    .finish();
}

/** A code that this version does not know becomes `peer-failed`. */
export function decodeError(payload: Uint8Array): QuorateError {
  const reader = new ByteReader(payload);
  const code = new TextDecoder().decode(reader.bytes());
  const message = new TextDecoder().decode(reader.bytes());
  const maybeApplied = reader.byte() === 1;
  const details = { leader: reader.number() };
  return code in errorCodes
    ? new QuorateError(code as ErrorCode, message, { maybeApplied, details })
    : new QuorateError('peer-failed', `${code}: ${message}`, { maybeApplied, details });
}
