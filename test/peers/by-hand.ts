/** Handshakes by hand: what strangers say to a member, and what they hear. */
import { type Frame, FrameReader, type FrameType } from '../../src/engine/peers/frame.ts';
import { encodeHello, type Hello } from '../../src/engine/peers/hello.ts';
import { Outbox } from '../../src/engine/peers/outbox.ts';
import { joined } from './messages.ts';
import {
  CLUSTER,
  type ProcessOptions,
  recordsOf,
  WiredNetwork,
  type WiredProcess,
} from './wired-peers.ts';

/** Who refused, by which names. */
export const codes = (process: WiredProcess): string[] =>
  [...new Set(process.told.refusals.map(({ code, origin }) => `${code} by ${origin.by}`))].sort();

/** Frames and plain bytes as one piece. */
export function say(...parts: (Uint8Array | readonly [FrameType, Uint8Array])[]): Uint8Array {
  const outbox = new Outbox();
  for (const part of parts) {
    if (part instanceof Uint8Array) outbox.raw(part);
    else outbox.frame(part[0], part[1]);
  }
  return joined(outbox.take());
}

export function framesIn(bytes: Uint8Array): Frame[] {
  const reader = new FrameReader(1e6);
  reader.push(bytes);
  const frames: Frame[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) frames.push(next);
  return frames;
}

/** A hello of member 2 to member 1. */
export const helloOf = (changes: Partial<Hello> = {}): Uint8Array =>
  encodeHello({
    oldest: 1,
    newest: 1,
    clusterId: CLUSTER,
    member: 2,
    incarnation: 1002,
    session: 4711,
    to: 1,
    secret: false,
    callsOnly: false,
    features: ['later'],
    nonce: new Uint8Array(16).fill(3),
    ...changes,
  });

/** Member 1, which knows of member 2. */
export function listener(options: ProcessOptions = {}): { network: WiredNetwork; a: WiredProcess } {
  const network = new WiredNetwork();
  const a = network.start('m1:1', { member: 1, ...options });
  a.peers.setPeers(recordsOf([1, 2]));
  return { network, a };
}

export const nothing = new Uint8Array(0);
export const hello = (changes?: Partial<Hello>) => ['hello', helloOf(changes)] as const;
