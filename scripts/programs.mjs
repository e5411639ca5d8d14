/** Programs of this repository that scripts start, by the source they are built from. */
import { join } from 'node:path';
import { root } from './set-up/root.mjs';

export const programs = {
  timeline: 'src/cli/timeline.ts',
  quorate: 'src/cli/main.ts',
  kvRest: 'systems/kv-rest/main.ts',
  raftSuite: 'test/raft-suite/run.ts',
  counters: 'systems/counters/main.ts',
  raftKv: 'systems/raft-kv/main.ts',
  haWorker: 'systems/ha-worker/main.ts',
  oneValue: 'systems/one-value/main.ts',
  plantedBugs: 'test/planted-bugs/main.ts',
  plantedBugsHunt: 'test/planted-bugs/hunt.ts',
  plantedBugsHook: 'test/planted-bugs/hook.ts',
  journalMember: 'test/real-disk/journal-member.ts',
};

/**
 * Absolute path of what a program's source was built into; of `quorate` that is the bundle.
 * @param {string} source
 */
export function builtPath(source) {
  const built = source === programs.quorate ? 'cli/main.ts' : source;
  return join(root, 'dist', built.replace(/\.ts$/, '.js'));
}
