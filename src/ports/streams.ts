/**
 * Streams: reliable, ordered bytes between two processes: TCP, or TLS over it. What it carries of
 * reliability.md: connections break, stall, stay half open for long, and deliver what they deliver
 * in order; TCP's checksum is weak, so frames carry their own. Of its security list: certificates
 * of both sides, wrong authority, expired, revoked or wrong name refused, revocation lists on
 * every listener, TLS ≥ 1.2 without a way to skip verification, a timeout for handshakes, reload
 * without a restart (2 and 4), slow or greedy peers bounded (8).
 */
import type { QuorateError } from '../base/errors.ts';
import type { Answer, Cancel, Done } from './callbacks.ts';

/** One end of a connection. `host` is an IP address in its usual text form, or a name to resolve. */
export interface Address {
  readonly host: string;
  /** 0 … 65,535; 0 asks the platform for a free one where something listens. */
  readonly port: number;
}

/** Certificates of one side: everything PEM text; several certificates may follow each other. */
export interface Credentials {
  /** This side's certificate, with the intermediate ones after it. */
  readonly certificate?: string;
  /** The private key of the certificate. */
  readonly key?: string;
  /** Authorities that the other side's certificate must come from; replaces the system's. */
  readonly authorities?: readonly string[];
  /** Revocation lists; one for each authority that has signed, if any is given. */
  readonly revocationLists?: readonly string[];
  /** Who the other side may be, beside coming from an authority. */
  readonly allowed?: AllowedNames;
  readonly protocol?: TlsProtocol;
}

/** Names of which the other side's certificate must carry one. */
export interface AllowedNames {
  /** Common names of subjects, in both directions. */
  readonly commonNames?: readonly string[];
  /** Hosts, of those who connect; whoever is connected to must carry the name that was dialed. */
  readonly hostNames?: readonly string[];
}

/** What is spoken, where that is to be less than all that is safe. */
export interface TlsProtocol {
  /** 1.2 by default. */
  readonly versionMin?: TlsVersion;
  readonly versionMax?: TlsVersion;
  /** Cipher suites of TLS 1.2, by their names in IANA's registry; those of 1.3 are all safe. */
  readonly cipherSuites?: readonly string[];
}

export type TlsVersion = '1.2' | '1.3';

/** How a listener speaks TLS. */
export interface ListenerTls {
  readonly credentials: Credentials;
  /** `none` asks for no certificate of the client; `required` refuses a client without a valid one. */
  readonly clientCertificate: 'none' | 'required';
  /** Application protocols (ALPN), the preferred first, e.g. `['h2', 'http/1.1']`. */
  readonly protocols?: readonly string[];
}

/** How a connecting side speaks TLS. The listener's certificate is always verified. */
export interface ConnectTls {
  readonly credentials: Credentials;
  /** The name, or IP address, that the listener's certificate must carry; by default the host. */
  readonly serverName?: string;
  readonly protocols?: readonly string[];
}

/** The verified certificate of the other side. */
export interface PeerCertificate {
  /** The common name of its subject; empty if it has none. */
  readonly commonName: string;
  /** Its alternative names of type DNS. */
  readonly names: readonly string[];
  /** Its alternative names of type IP address. */
  readonly addresses: readonly string[];
  /** Extended key usages as object identifiers: `1.3.6.1.5.5.7.3.1` server, `…3.2` client. */
  readonly usages: readonly string[];
  /** SHA-256 of the certificate: hexadecimal, upper case, pairs joined by colons. */
  readonly fingerprint: string;
}

/** Limits of one stream. */
export interface StreamLimits {
  /** From this many unsent bytes on `write` says so: 64 KiB, the default, … `bufferedBytesMax`. */
  readonly highWaterBytes?: number;
  /**
   * Above this many unsent bytes the stream is closed with `send-buffer-full`, so that a slow
   * reader cannot hold the writer's memory: 64 MiB by default.
   */
  readonly bufferedBytesMax?: number;
}

export const highWaterBytesDefault = 64 * 1024;
export const bufferedBytesMaxDefault = 64 * 1024 * 1024;
export const handshakeTimeoutMsDefault = 5_000;
export const connectionsMaxDefault = 10_000;

/** What to listen on. */
export interface ListenOptions extends StreamLimits {
  readonly address: Address;
  readonly tls?: ListenerTls;
  /** Beside TLS also takes who speaks without: the first byte says which it is. Default false. */
  readonly alsoPlain?: boolean;
  /** A client that has not finished its TLS handshake by then is cut off. */
  readonly handshakeTimeoutMs?: number;
  /** Connections beyond this many are closed at once, and told to `refused`. */
  readonly connectionsMax?: number;
}

/** Whom to connect to. */
export interface ConnectOptions extends StreamLimits {
  readonly address: Address;
  readonly tls?: ConnectTls;
  /** For resolving the name, connecting and the handshake together: 1 … 2^31 − 1. */
  readonly timeoutMs: number;
}

/** What a listener tells its owner. */
export interface ListenerEvents {
  /**
   * A connection, verified if there is TLS. Its events must be asked for
   * ({@link Stream.subscribe}) before this call returns.
   */
  accepted(stream: Stream): void;
  /** A connection was turned away: `tls-failed`, `handshake-timeout`, `too-many-connections`. */
  refused?(error: QuorateError, remote: Address): void;
  /** The listener can accept no more and has closed itself, or cannot for now (`too-many-files`). */
  failed?(error: QuorateError): void;
}

/** A place where connections are accepted. */
export interface Listener {
  /** Where it listens, with the port that it was given. */
  readonly address: Address;
  /** Uses these credentials from the next handshake on; throws `tls-failed` if they are unusable. */
  reload(credentials: Credentials): void;
  /** Accepts no more; connections that were accepted live on. `done` when the port is free. */
  close(done: Done): void;
}

/** What a stream tells its owner; nothing more comes after `closed`. */
export interface StreamEvents {
  /** Bytes in order, at least one. They are the receiver's own from now on. */
  received(bytes: Uint8Array): void;
  /** What was not sent has fallen to nothing after `write` had said that there was too much. */
  drained?(): void;
  /** The other side will send no more; this side still may. */
  ended?(): void;
  /**
   * The stream is over: `null` when both sides have ended, or when this side has destroyed it;
   * otherwise `connection-reset`, `connection-timeout` or `send-buffer-full`.
   */
  closed(error: QuorateError | null): void;
}

/** A connection. Small writes leave at once (no Nagle). */
export interface Stream {
  readonly local: Address;
  readonly remote: Address;
  /** The other side's certificate, if there is TLS and it has shown one. */
  readonly certificate: PeerCertificate | null;
  /** The application protocol agreed on in the TLS handshake, if any. */
  readonly protocol: string | null;
  /** Bytes that were written and have not yet been handed to the system. */
  readonly bufferedBytes: number;
  /** Names who gets the events; once, in the callback that brought the stream. */
  subscribe(events: StreamEvents): void;
  /**
   * Sends the buffers one after the other, if it can be with one system call; they must not change
   * until they have left, so they are best never changed at all. Answers whether more is welcome:
   * after `false` the writer should wait for `drained`. After the end, or once the stream is closed,
   * the bytes are dropped and it answers `false`. No promise of arrival in either case.
   */
  write(buffers: readonly Uint8Array[]): boolean;
  /** No more from this side, once what was written has left; receiving goes on. */
  end(): void;
  /** Ends both directions now, and drops what has not left; `closed(null)` follows. */
  destroy(): void;
  /** Stops `received` until `resume`, so that the other side's writes back up. */
  pause(): void;
  resume(): void;
}

/** The maker of streams. */
export interface Streams {
  /** `address-in-use`, `address-unavailable`, `permission-denied`, `tls-failed`. */
  listen(options: ListenOptions, events: ListenerEvents, answer: Answer<Listener>): void;
  /**
   * Connects; the name is resolved anew each time. `name-not-resolved`, `connection-refused`,
   * `connection-reset`, `connection-timeout`, `host-unreachable`, `tls-failed`. Events must be asked
   * for before `answer` returns. After being cancelled `answer` is not called.
   */
  connect(options: ConnectOptions, answer: Answer<Stream>): Cancel;
  /** All addresses of a name, as IP addresses; an IP address is its own. `name-not-resolved`. */
  resolve(host: string, answer: Answer<readonly string[]>): void;
}
