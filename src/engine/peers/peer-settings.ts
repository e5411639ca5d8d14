/** The limits and times of a member's links, each with its reason. */

export interface PeerSettings {
  /** The largest frame, and so the largest message between members. */
  readonly frameBytesMax: number;
  /** What may wait for one peer, by bytes, before Raft's messages to it are dropped. */
  readonly queueBytesMax: number;
  /** The same by messages: heartbeats of many groups are small. */
  readonly queueMessagesMax: number;
  /** A link on which nothing came for this long is asked for a sign of life. */
  readonly pingAfterMs: number;
  /** A link that is silent for this long is dead: half-open connections say nothing by themselves. */
  readonly silenceMsMax: number;
  /** From connecting to knowing each other. */
  readonly handshakeMsMax: number;
  /** The first wait before dialing again; it doubles up to the maximum. */
  readonly dialBackoffMsMin: number;
  readonly dialBackoffMsMax: number;
  /** Questions to others that wait for an answer. */
  readonly callsMax: number;
  /** Questions of one peer that wait for our answer. */
  readonly callsInMax: number;
  /** Accepted links whose other side is not known yet. */
  readonly strangersMax: number;
  /** Accepted links that are for questions alone: clients, and processes that join. */
  readonly guestsMax: number;
  /** Questions of one guest that wait for our answer. */
  readonly guestCallsInMax: number;
  /** A guest that has not asked anything for this long is shown out. */
  readonly guestIdleMsMax: number;
}

export const peerDefaults: PeerSettings = {
  frameBytesMax: 64 * 2 ** 20,
  queueBytesMax: 64 * 2 ** 20,
  queueMessagesMax: 65_536,
  pingAfterMs: 1000,
  silenceMsMax: 4000,
  handshakeMsMax: 5000,
  dialBackoffMsMin: 50,
  dialBackoffMsMax: 2000,
  callsMax: 10_000,
  callsInMax: 10_000,
  strangersMax: 256,
  guestsMax: 1024,
  guestCallsInMax: 256,
  guestIdleMsMax: 30_000,
};
