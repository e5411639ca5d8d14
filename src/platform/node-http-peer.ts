/** Who is at the other end of a socket that speaks HTTP. */
import type net from 'node:net';
import tls from 'node:tls';
import type { Address, PeerCertificate } from '../ports/streams.ts';
import { certificateOf, remoteOf } from './node-stream.ts';

/** The other end, as requests name it. */
export interface HttpPeer {
  readonly remote: Address;
  readonly secure: boolean;
  readonly certificate: PeerCertificate | null;
}

/** Asked for once a connection. */
export function peerOf(socket: net.Socket): HttpPeer {
  const secure = socket instanceof tls.TLSSocket;
  return { remote: remoteOf(socket), secure, certificate: secure ? certificateOf(socket) : null };
}
