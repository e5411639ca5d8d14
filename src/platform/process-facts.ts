/** Facts about this process and its machine, for people. */
import os from 'node:os';

/** The machine's name in its network. */
export function hostName(): string {
  return os.hostname();
}

/** What runs here: system, architecture, version of Node, processors. */
export function runtimeFacts(): Readonly<Record<string, string>> {
  return {
    os: process.platform,
    arch: process.arch,
    version: `node ${process.versions.node}`,
    cpu_count: String(os.cpus().length),
  };
}
