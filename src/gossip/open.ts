/**
 * Opening an agent: reads its files, binds its sockets, makes the core and its driver, joins. What
 * fails on the way closes all that was opened before.
 */
import type { Cancel } from '../ports/callbacks.ts';
import type { Disk } from '../ports/disk.ts';
import type { Address } from '../ports/streams.ts';
import type { Address as CoreAddress } from '../swim/api.ts';
import { GossipCore } from '../swim/gossip-core.ts';
import { formatAddress } from './address.ts';
import { Agent } from './agent.ts';
import type { Gossip, GossipConfig } from './api.ts';
import { gossipCipher } from './cipher.ts';
import { type ResolvedConfig, resolveConfig } from './config.ts';
import { Driver } from './driver.ts';
import type { GossipHost } from './host.ts';
import { keepJoining } from './joining.ts';
import { KeyringWriter, readKeyring } from './keyring-file.ts';
import { LogTail } from './log-tail.ts';
import { type RpcServer, serveRpc } from './rpc/server.ts';
import { rpcAgent } from './rpc-agent.ts';
import { readSnapshot, type Snapshot, SnapshotWriter } from './snapshot.ts';
import { bindSockets } from './sockets.ts';

/** How long a TCP connection may take to flush once it is closed. */
const lingerMs = 5_000;

/** Between attempts to find the cluster again after a restart. */
const rejoinIntervalMs = 30_000;

/** How many former members are tried at once when rejoining. */
const rejoinAddressesMax = 8;

/** Opens an agent in the process that `host` stands for. */
export async function openGossipOn(host: GossipHost, config: GossipConfig): Promise<Gossip> {
  config.signal?.throwIfAborted();
  const resolved = resolveConfig(config, host.hostName);
  const log = new LogTail(host.clock, host.logger);
  for (const warning of resolved.warnings) log.write('warn', `INSECURE: ${warning}`);
  const opening = new Opening(host, config, resolved, log);
  try {
    return await opening.run();
  } catch (error) {
    await opening.abandon();
    throw error;
  }
}

/** Everything that an agent consists of, while it is put together and when it is taken apart. */
class Opening {
  readonly #host: GossipHost;
  readonly #config: GossipConfig;
  readonly #resolved: ResolvedConfig;
  readonly #log: LogTail;
  readonly #cancels: Cancel[] = [];
  #agent: Agent | undefined;
  #driver: Driver | undefined;
  #rpc: RpcServer | undefined;
  #snapshot: SnapshotWriter | undefined;
  #keyring: KeyringWriter | undefined;
  #left = false;

  constructor(host: GossipHost, config: GossipConfig, resolved: ResolvedConfig, log: LogTail) {
    this.#host = host;
    this.#config = config;
    this.#resolved = resolved;
    this.#log = log;
  }

  async run(): Promise<Gossip> {
    const snapshot = await this.#readSnapshot();
    const keys = await this.#readKeys();
    const agent = await this.#start(snapshot, keys);
    await this.#serveRpc(agent);
    const { join, retryJoin } = this.#resolved;
    const signal = this.#config.signal;
    if (join.length > 0) await agent.join(join, signal === undefined ? {} : { signal });
    signal?.throwIfAborted();
    if (retryJoin !== undefined) this.#keepJoining(agent, retryJoin);
    this.#rejoin(agent, snapshot);
    return agent;
  }

  /** Opening failed: closes what was opened so far. */
  async abandon(): Promise<void> {
    if (this.#agent === undefined) await this.release(false);
    else await this.#agent.close();
  }

  /** Takes everything apart; safe at any stage, and called once. */
  async release(left: boolean): Promise<void> {
    this.#left = left;
    for (const cancel of this.#cancels) cancel();
    await this.#snapshot?.close();
    await this.#keyring?.close();
    await this.#rpc?.close();
    await this.#driver?.close();
  }

  async #readSnapshot(): Promise<Snapshot | undefined> {
    const { snapshotPath } = this.#config;
    if (snapshotPath === undefined) return undefined;
    const { disk, name } = this.#host.place(snapshotPath);
    await makeDirectory(disk);
    const snapshot = await readSnapshot(disk, name);
    if (snapshot === undefined || snapshot.name === this.#resolved.name) return snapshot;
    this.#log.write('warn', 'the snapshot is of another member and is not used', {
      member: snapshot.name,
    });
    return undefined;
  }

  async #readKeys(): Promise<readonly Uint8Array[]> {
    const { keyringPath } = this.#config;
    const { key } = this.#resolved;
    if (keyringPath !== undefined) {
      const { disk, name } = this.#host.place(keyringPath);
      await makeDirectory(disk);
      this.#keyring = new KeyringWriter(disk, name, (error) => {
        this.#log.write('error', 'the keyring file could not be written', { err: error });
      });
      const keys = await readKeyring(disk, name);
      if (keys !== undefined) return keys;
    }
    return key === undefined ? [] : [key];
  }

  async #start(snapshot: Snapshot | undefined, keys: readonly Uint8Array[]): Promise<Agent> {
    const { clock, random, streams, packets, crypto } = this.#host;
    const { settings, name, tags, bind, advertise } = this.#resolved;
    const bindHost = await this.#resolve(bind.host);
    const advertiseHost = await this.#resolve(advertise.host);
    const { socket, listener } = await bindSockets({
      packets,
      streams,
      address: { host: bindHost, port: bind.port },
      connectionsMax: settings.streamsMax,
      packetEvents: {
        received: (bytes, from) => this.#driver?.handle({ type: 'packet', from, bytes }),
        failed: (error) => void this.#agent?.stop({ reason: 'failed', error }),
      },
      listenerEvents: {
        accepted: (stream) => {
          if (this.#driver !== undefined) this.#driver.accepted(stream);
          else {
            stream.subscribe({ received: () => {}, closed: () => {} });
            stream.destroy();
          }
        },
        failed: (error) => {
          this.#log.write('error', 'no connections can be accepted', { err: error });
        },
      },
    });
    const port = advertise.port === 0 ? socket.address.port : advertise.port;
    const address: CoreAddress = { host: advertiseHost, port };
    const core = new GossipCore({
      name,
      address,
      settings,
      random,
      nowMs: clock.monotonicMs(),
      tags,
      incarnation: Math.max((snapshot?.incarnation ?? 0) + 1, Math.floor(clock.wallMs() / 1_000)),
      ...(snapshot === undefined ? {} : { lamportTimes: snapshot.lamportTimes }),
      ...(keys.length === 0 ? {} : { keys, cipher: gossipCipher(crypto) }),
    });
    const agent = new Agent({
      config: this.#resolved,
      address,
      clock,
      random,
      streams,
      log: this.#log,
      keysChanged: (changed) => this.#keyring?.write(changed),
      stateChanged: () => this.#snapshot?.changed(),
      release: (left) => this.release(left),
    });
    this.#agent = agent;
    this.#driver = new Driver({
      core,
      clock,
      streams,
      socket,
      listener,
      lingerMs,
      effect: (effect) => agent.effect(effect),
    });
    agent.attach(this.#driver);
    // Lets the core take its place, before anybody can look at it.
    this.#driver.handle({ type: 'wake' });
    this.#keepSnapshot(core, snapshot);
    this.#log.write('info', `member ${name} gossips at ${formatAddress(address)}`);
    return agent;
  }

  #resolve(host: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#host.streams.resolve(host, (answer) => {
        if (answer instanceof Error) reject(answer);
        else resolve(answer[0]!);
      });
    });
  }

  #keepSnapshot(core: GossipCore, before: Snapshot | undefined): void {
    let met = false;
    const { snapshotPath } = this.#config;
    if (snapshotPath === undefined) return;
    const { disk, name: path } = this.#host.place(snapshotPath);
    const { name } = this.#resolved;
    this.#snapshot = new SnapshotWriter({
      disk,
      clock: this.#host.clock,
      path,
      current: () => {
        const others = core
          .members()
          .filter((member) => member.name !== name && member.status === 'alive')
          .map((member) => ({ name: member.name, address: member.address }));
        met ||= others.length > 0;
        return {
          name,
          incarnation: core.incarnation,
          lamportTimes: core.lamportTimes,
          // Whoever has met nobody in this life still needs what he knew from the last one.
          members: met ? others : (before?.members ?? []),
          left: this.#left || (!met && (before?.left ?? false)),
        };
      },
      failed: (error) => {
        this.#log.write('warn', 'the snapshot could not be written', { err: error });
      },
    });
    this.#snapshot.changed();
  }

  async #serveRpc(agent: Agent): Promise<void> {
    const { rpc } = this.#resolved;
    if (rpc === undefined) return;
    const { streams, crypto, runtime } = this.#host;
    const host = await this.#resolve(rpc.host);
    this.#rpc = await serveRpc({
      agent: rpcAgent(agent, { log: this.#log, runtime, clock: this.#host.clock }),
      address: { host, port: rpc.port },
      authKey: this.#config.rpcAuthKey,
      streams,
      crypto,
      clock: this.#host.clock,
      failed: (error) => this.#log.write('error', 'the agent RPC has failed', { err: error }),
    });
    const address: Address = this.#rpc.address;
    agent.rpcAddress = address;
    this.#log.write('info', `agent RPC at ${formatAddress(address)}`);
  }

  #keepJoining(agent: Agent, retry: NonNullable<ResolvedConfig['retryJoin']>): void {
    const cancel = keepJoining({
      clock: this.#host.clock,
      intervalMs: retry.intervalMs,
      attemptsMax: retry.attemptsMax,
      attempt: () => agent.join(retry.addresses),
      done: () => false,
      failed: (error, attempts, last) => {
        const message = last ? 'joining is given up' : 'joining failed and will be tried again';
        this.#log.write(last ? 'error' : 'warn', message, { attempts, err: error });
      },
    });
    this.#cancels.push(cancel);
  }

  /** Looks for those that were known before a restart, for as long as nobody else is there. */
  #rejoin(agent: Agent, snapshot: Snapshot | undefined): void {
    if (snapshot === undefined || snapshot.members.length === 0) return;
    if (snapshot.left && this.#config.rejoinAfterLeave !== true) return;
    const { random, clock } = this.#host;
    const left: string[] = [];
    const cancel = keepJoining({
      clock,
      intervalMs: rejoinIntervalMs,
      attemptsMax: 0,
      attempt: async () => {
        const chosen: string[] = [];
        while (chosen.length < rejoinAddressesMax) {
          if (left.length === 0) {
            if (chosen.length > 0) break;
            left.push(...snapshot.members.map(({ address }) => formatAddress(address)));
          }
          chosen.push(...left.splice(random.below(left.length), 1));
        }
        await agent.join(chosen, { ignoreOldEvents: true });
      },
      done: () => agent.members.alive().length > 1,
      failed: (error, attempts) => {
        this.#log.write('info', 'no former member answers yet', { attempts, err: error });
      },
    });
    this.#cancels.push(cancel);
  }
}

/** Makes the directory that a disk's root stands for. */
function makeDirectory(disk: Disk): Promise<void> {
  return new Promise((resolve, reject) => {
    disk.makeDirectory('', (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}
