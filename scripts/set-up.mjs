/**
 * Gets a checkout ready before any other script runs: checks Node, installs what the lockfile
 * names if something else is installed, and builds into dist/ if a source has changed. So the
 * first command on a fresh clone works, and costs next to nothing afterwards.
 *
 * Only Node's own modules may be imported here and in what this file imports, since nothing else
 * is installed yet.
 */
import { pathToFileURL } from 'node:url';
import { buildIsCurrent, runBuild } from './set-up/build.mjs';
import { installIsCurrent, runInstall } from './set-up/install.mjs';
import { withLock } from './set-up/lock.mjs';
import { nodeVersionProblem } from './set-up/node-version.mjs';
import { root } from './set-up/root.mjs';

/** A reason to stop that the reader can act on; it is shown without a stack. */
export class SetUpError extends Error {}

/**
 * Brings node_modules/ and dist/ up to date. Throws a {@link SetUpError} saying what to do.
 * @param {{ build?: boolean }} [options] `build: false` for a script that can do without dist/
 */
export async function setUp({ build = true } = {}) {
  const built = () => !build || buildIsCurrent(root);
  const problem = nodeVersionProblem(root, process.versions.node);
  if (problem !== undefined) throw new SetUpError(problem);
  if (installIsCurrent(root) && built()) return;
  // Two scripts started at once would install over each other; the second waits, then finds the
  // work done.
  await withLock(root, async () => {
    if (!installIsCurrent(root)) {
      console.log('Installing what package-lock.json names (npm ci) …');
      const failure = runInstall(root);
      if (failure !== undefined) throw new SetUpError(failure);
    }
    if (!built()) {
      console.log('Building into dist/ …');
      const failure = await runBuild(root);
      if (failure !== undefined) throw new SetUpError(failure);
    }
  });
}

/**
 * Sets up, or prints why that is not possible and ends the process.
 * @param {{ build?: boolean }} [options]
 */
export async function setUpOrExit(options) {
  try {
    await setUp(options);
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await setUpOrExit();
