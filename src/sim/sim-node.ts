/**
 * A simulated machine: what outlives a process (its volume, its clocks, its address), and the one
 * process that runs on it, or none.
 */
import { assert } from '../base/assert.ts';
import { type Logger, silentLogger } from '../ports/logger.ts';
import type { Ports } from '../ports/ports.ts';
import type { DiskFaults } from './disk-faults.ts';
import { HostSockets } from './host-sockets.ts';
import { isIp, type SimNetwork } from './network.ts';
import type { Scheduler } from './scheduler.ts';
import { NodeClocks, SimClock } from './sim-clock.ts';
import { SimCrypto } from './sim-crypto.ts';
import { SimDisk } from './sim-disk.ts';
import { type PacketHost, type SimPacketSocket, SimPackets } from './sim-packets.ts';
import { SimProcess } from './sim-process.ts';
import { SimStores } from './sim-stores.ts';
import type { SimStream } from './sim-stream.ts';
import { type SimListener, SimStreams, type StreamHost } from './sim-streams.ts';
import { SimVolume, type VolumeProfile } from './sim-volume.ts';

/** What a process runs, from its start; it has nothing but its ports. */
export type Program = (ports: Ports) => void;

/** How a node is made. */
export interface NodeOptions {
  /** Whose rules its disk has; `posix` by default. */
  readonly profile?: VolumeProfile;
  readonly faults?: DiskFaults;
  /** 1 GiB by default. */
  readonly capacityBytes?: number;
  /** How long a turn of its event loop lasts at most; 0.02 by default, as on a quick machine. */
  readonly turnMsMax?: number;
  /** How many times longer everything takes on its disk; 1 by default. */
  readonly diskSlowness?: number;
  /** What gets the lines that its processes log; nobody by default. */
  readonly logger?: Logger;
}

/** How a process ends. */
export interface CrashOptions {
  /**
   * `lost`, the default: the machine goes too; what is not synced may be lost, and peers hear
   * nothing. `kept`: only the process is killed; the system writes what it was given, and closes
   * its connections.
   */
  readonly power?: 'lost' | 'kept';
}

/** See above. */
export class SimNode implements PacketHost, StreamHost {
  readonly name: string;
  /** The disk, for looking into it and for faults. */
  readonly volume: SimVolume;
  /** The clocks, for faults. */
  readonly clocks: NodeClocks;
  packetSockets = new HostSockets<SimPacketSocket>(this);
  streamListeners = new HostSockets<SimListener>(this);
  readonly streams = new Set<SimStream>();
  readonly #scheduler: Scheduler;
  readonly #network: SimNetwork;
  readonly #logger: Logger;
  #ip: string;
  #process: SimProcess | null = null;
  #ports: Ports;
  #program: Program = () => {};
  #starts = 0;

  constructor(name: string, scheduler: Scheduler, network: SimNetwork, options: NodeOptions) {
    assert(name !== '' && !isIp(name) && name !== 'localhost', `${name} is no name for a node`);
    this.name = name;
    this.#scheduler = scheduler;
    this.#network = network;
    this.#logger = options.logger ?? silentLogger;
    this.#ip = network.freshIp();
    this.clocks = new NodeClocks(scheduler, options.turnMsMax);
    this.volume = new SimVolume(scheduler.randomFor(`volume of ${name}`), {
      ...options,
      slowness: options.diskSlowness,
    });
    network.addHost(this);
    this.#ports = this.#startProcess();
  }

  get ip(): string {
    return this.#ip;
  }

  get process(): SimProcess | null {
    return this.#process;
  }

  /** Whether a process runs, be it paused. */
  get running(): boolean {
    return this.#process !== null;
  }

  /** How many processes have run here. */
  get starts(): number {
    return this.#starts;
  }

  /** The world as the present process sees it; after a crash, as the last one did: without effect. */
  get ports(): Ports {
    return this.#ports;
  }

  /** Says what runs here: now, and after each {@link restart}. */
  run(program: Program): void {
    this.#program = program;
    if (this.#process !== null) this.#begin(this.#process);
  }

  /** Ends the process at once. */
  crash(options: CrashOptions = {}): void {
    const process = this.#process;
    if (process === null) return;
    const power = options.power ?? 'lost';
    this.#scheduler.note(power === 'lost' ? 1 : 2, () => `${this.name} crashes, power ${power}`);
    process.kill();
    for (const stream of [...this.streams]) {
      if (power === 'lost') stream.vanish();
      else stream.orphan();
    }
    this.streams.clear();
    this.packetSockets = new HostSockets<SimPacketSocket>(this);
    this.streamListeners = new HostSockets<SimListener>(this);
    if (power === 'lost') this.volume.losePower();
    else this.volume.loseProcess();
    this.#process = null;
  }

  /**
   * Ends the process at its `count`-th call of a port from now, 1 being the next: between any two
   * things that it does. What it calls for the rest of that callback has no effect.
   */
  crashAtCall(count: number, options: CrashOptions = {}): void {
    assert(this.#process !== null, `${this.name} does not run`);
    this.#process.crashAtCall(count, () => this.crash(options));
  }

  /** Starts a new process, which runs the program. */
  restart(): void {
    assert(this.#process === null, `${this.name} runs`);
    this.#ports = this.#startProcess();
    this.#begin(this.#process!);
  }

  /** Stops the process without ending it, as SIGSTOP or a long collection of garbage does. */
  pause(): void {
    this.#process?.pause();
  }

  /** Lets a paused process go on: all that came due meanwhile happens at once. */
  resume(): void {
    this.#process?.resume();
  }

  /** Gives the machine another address, as a restarted container may get; its streams break. */
  readdress(): void {
    this.#ip = this.#network.freshIp();
    for (const stream of [...this.streams]) stream.fail('connection-reset', 'the address is gone');
  }

  #startProcess(): Ports {
    const purpose = `${this.name}, process ${++this.#starts}`;
    const random = this.#scheduler.randomFor(purpose);
    const process = new SimProcess(this.name, this.#scheduler);
    this.#process = process;
    const ground = {
      volume: this.volume,
      process,
      random: random.fork(),
      wrote: (path: string, position: number, bytes: Uint8Array) => {
        this.#scheduler.note(bytes.length, () => {
          return `${this.name} wrote ${bytes.length} bytes to ${path} at ${position}`;
        });
      },
    };
    return {
      clock: new SimClock(this.#scheduler, this.clocks, process, random.fork()),
      random: random.fork(),
      disk: new SimDisk(ground),
      stores: new SimStores(this.volume, process),
      streams: new SimStreams(this.#network, this, process),
      packets: new SimPackets(this.#network, this, process),
      crypto: new SimCrypto(random.fork(), process),
      logger: this.#logger.child({ node: this.name }),
    };
  }

  #begin(process: SimProcess): void {
    const ports = this.#ports;
    process.plan(0, 'start', () => this.#program(ports));
  }
}
