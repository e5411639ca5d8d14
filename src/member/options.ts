/** What an application says to open a member. */
import type { LogOptions } from '../engine/log/settings.ts';
import type { EngineSettings } from '../engine/settings.ts';
import type { Logger } from '../ports/logger.ts';
import type { Stream } from '../ports/streams.ts';
import type { DeadMemberPolicy, Discovery } from './discovery.ts';
import type { LinkTls } from './link-driver.ts';

/** A member of a new cluster, as all its first members are told alike. */
export interface PeerOption {
  readonly name: string;
  /** Where the others reach it: `host:port`. */
  readonly address: string;
}

/** Sizes and times for those who have measured that they need others. */
export interface MemberSettings extends Partial<EngineSettings> {
  /** The files of the log. */
  readonly log?: LogOptions;
}

/** How a member is opened. */
export interface MemberOptions {
  /** Unique among the cluster's members; at most 256 bytes of UTF-8. */
  readonly name: string;
  /** This member's directory. It is made if it is not there, and belongs to it alone. */
  readonly dataDir: string;
  /**
   * The first members of a new cluster, this one included. Once the directory holds a member,
   * neither this nor `join` is looked at any more, so that one command line starts and restarts.
   */
  readonly peers?: readonly PeerOption[];
  /** Members of an existing cluster, any of which may be asked to be let in: `host:port`. */
  readonly join?: readonly string[];
  /**
   * Finds members to join through where neither `peers` nor `join` is given, and tells the others
   * where this one is. It never changes who votes.
   */
  readonly discovery?: Discovery;
  /** What becomes of members that `discovery` has not seen for long: by default a warning. */
  readonly deadMembers?: DeadMemberPolicy;
  /** Tells clusters apart that were founded with the same names. */
  readonly clusterToken?: string;
  /**
   * Where to listen for other members: `host:port`, port 0 for a free one. Default: the address
   * among `peers`, else a free port of the loopback interface.
   */
  readonly listen?: string;
  /** Further addresses to listen on: another network's, for instance. */
  readonly listenAlso?: readonly string[];
  /** Where others reach this member, if not where it listens. */
  readonly advertise?: string;
  /** What others may know of this member: where its own clients reach it, for instance. */
  readonly tags?: Readonly<Record<string, string>>;
  /**
   * A secret that all members share, where there is no TLS: who does not know it is refused. It is
   * proven, never sent; what follows is not encrypted.
   */
  readonly secret?: string;
  /** TLS with certificates of both sides; `Member.reload` takes new ones without a restart. */
  readonly tls?: LinkTls;
  /**
   * Takes connections to this member's listener that speak another protocol than members do, with
   * what they have sent first still to be received.
   */
  readonly service?: (stream: Stream) => void;
  /** Pino-shaped. Default: warnings and errors as JSON lines to standard error. */
  readonly logger?: Logger;
  /** How long a request may take if it does not say so itself. Default 5,000. */
  readonly requestTimeoutMs?: number;
  /** A request that takes longer is logged as a warning. Default 1,000; infinity for none. */
  readonly slowRequestMs?: number;
  /** Gives up opening, or closes the member, when it fires. */
  readonly signal?: AbortSignal;
  /**
   * Start all the same where the log is damaged (`log-damaged`, `vote-damaged`), and get back from
   * the other members what is lost. Until that is done this member neither votes nor counts towards
   * a majority, which the others must have without it; so of two members neither can be repaired.
   * What is intact is kept. A group whose state was found to differ from the others'
   * (`replica-diverged`) is begun anew in the same way. Default false.
   */
  readonly repair?: boolean;
  /** Pace of heartbeats and elections, in ms. Default 50: elections after 1 to 2 s of silence. */
  readonly tickMs?: number;
  /** Tuning: the defaults suit almost everybody. All members of a cluster shall have the same. */
  readonly settings?: MemberSettings;
}
