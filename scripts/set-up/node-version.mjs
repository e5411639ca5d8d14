/** Says in a sentence that Node is too old, before newer syntax fails with a riddle. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param {string} root
 * @param {string} version of the running Node, such as `20.19.0`
 * @returns {string | undefined} what is wrong, if something is
 */
export function nodeVersionProblem(root, version) {
  /** @type {{ engines: { node: string } }} */
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const least = /^>=\s*([\d.]+)$/.exec(engines.node)?.[1];
  if (least === undefined)
    return `package.json: engines.node must read ">=VERSION", not "${engines.node}".`;
  if (!isOlder(version, least)) return undefined;
  return `Quorate needs Node ${least} or newer; this is Node ${version}. See https://nodejs.org/.`;
}

/**
 * @param {string} version
 * @param {string} least
 */
function isOlder(version, least) {
  const have = version.split('.').map(Number);
  for (const [place, wanted] of least.split('.').map(Number).entries()) {
    const difference = (have[place] ?? 0) - wanted;
    if (difference !== 0) return difference < 0;
  }
  return false;
}
