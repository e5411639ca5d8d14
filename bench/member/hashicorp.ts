/** Builds the program that does the same with hashicorp/raft and BoltDB, from Debian's packages. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Contender } from './trio.ts';

const GOPATH = '/usr/share/gocode';
const packages = ['hashicorp/raft', 'hashicorp/raft-boltdb'];

/** The contender, or why there is none. */
export function buildHashicorp(directory: string): Contender | string {
  for (const name of packages) {
    if (existsSync(join(GOPATH, 'src/github.com', name))) continue;
    return `Debian's golang-github-${name.replace('/', '-')}-dev is not installed`;
  }
  const program = join(directory, 'hashicorp-raft');
  // The sources stay where they are: only TypeScript is copied to dist.
  const source = fileURLToPath(new URL('../../../bench/member/hashicorp/main.go', import.meta.url));
  const env = { ...process.env, GOPATH, GO111MODULE: 'off', GOFLAGS: '' };
  const { status, error, stderr } = spawnSync('go', ['build', '-o', program, source], {
    env,
    encoding: 'utf8',
  });
  if (error !== undefined) return `Go is not there: ${error.message}`;
  if (status !== 0) return `Go could not build it: ${stderr.trim()}`;
  return { name: 'hashicorp/raft', command: [program] };
}
