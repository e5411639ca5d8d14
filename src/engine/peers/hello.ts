/**
 * What two members say of themselves when they meet. The dialer says `hello`, the other one
 * `welcome`, both in this form; then each proves itself, first the dialer. See greeter.ts.
 *
 * The magic, the head of a frame and the first two numbers of a hello stay as they are in every
 * version of the protocol, so that two versions can always tell each other that they do not match.
 */
import { ByteReader, ByteWriter } from '../../base/binary.ts';
import { QuorateError } from '../../base/errors.ts';
import type { MemberId } from '../../raft/entry.ts';

/** The first bytes of a link between members; no other protocol begins so. */
export const magic: Uint8Array = new Uint8Array([0x51, 0x52, 0x54, 0x0a]);

/** The versions of the protocol that this one speaks. */
export const protocol = { oldest: 1, newest: 1 } as const;

/** Who speaks, and to whom. */
export interface Hello {
  readonly oldest: number;
  readonly newest: number;
  /** 0 for a process that has not joined. */
  readonly clusterId: number;
  /** 0 for a process that is not a member yet: it may only ask to join. */
  readonly member: MemberId;
  readonly incarnation: number;
  /** Drawn when the process started: two links of one session end in the same process. */
  readonly session: number;
  /** Whom the speaker means; 0 for whoever answers. */
  readonly to: MemberId;
  /** The speaker has a join secret, and expects that the other one does. */
  readonly secret: boolean;
  /** The link is for calls alone: Raft's messages have another one, or none. */
  readonly callsOnly: boolean;
  /** What the speaker understands beyond the protocol version. */
  readonly features: readonly string[];
  /** Fresh for each link: both proofs are over it. */
  readonly nonce: Uint8Array;
}

export const NONCE_BYTES = 16;
const FEATURES_MAX = 64;

const SECRET = 1;
const CALLS_ONLY = 2;

/** The largest frame before both sides are known to each other. */
export const GREETING_BYTES_MAX = 8 * 1024;

export function encodeHello(hello: Hello): Uint8Array {
  const writer = new ByteWriter()
    .number(hello.oldest)
    .number(hello.newest)
    .number(hello.clusterId)
    .number(hello.member)
    .number(hello.incarnation)
    .number(hello.session)
    .number(hello.to)
    .byte((hello.secret ? SECRET : 0) | (hello.callsOnly ? CALLS_ONLY : 0))
    .bytes(hello.nonce)
    .number(hello.features.length);
  for (const feature of hello.features) writer.bytes(new TextEncoder().encode(feature));
  return writer.finish();
}

/**
 * What a later version adds behind is left unread.
 * @throws QuorateError `malformed-message`, `version-mismatch`
 */
export function decodeHello(bytes: Uint8Array): Hello {
  const reader = new ByteReader(bytes);
  const oldest = reader.number();
  const newest = reader.number();
  // What follows may have another form in another version.
  if (oldest > protocol.newest || newest < protocol.oldest) {
    const message = `versions ${oldest} to ${newest} meet ${protocol.oldest} to ${protocol.newest}`;
    throw new QuorateError('version-mismatch', message, { details: { oldest, newest } });
  }
  const clusterId = reader.number();
  const member = reader.number();
  const incarnation = reader.number();
  const session = reader.number();
  const to = reader.number();
  const flags = reader.byte();
  const secret = (flags & SECRET) !== 0;
  const callsOnly = (flags & CALLS_ONLY) !== 0;
  const nonce = reader.bytes();
  if (nonce.length !== NONCE_BYTES) throw malformed(`a nonce of ${nonce.length} bytes`);
  const count = reader.count(1);
  if (count > FEATURES_MAX) throw malformed(`${count} features`);
  const features = Array.from({ length: count }, () => new TextDecoder().decode(reader.bytes()));
  return {
    oldest,
    newest,
    clusterId,
    member,
    incarnation,
    session,
    to,
    secret,
    callsOnly,
    features,
    nonce,
  };
}

function malformed(what: string): QuorateError {
  return new QuorateError('malformed-message', `a hello with ${what}`);
}
