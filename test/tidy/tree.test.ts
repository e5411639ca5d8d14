/** Holds this repository against the rules of test/tidy/rules/. HACKING.md says how to read them. */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { programs } from '../../scripts/programs.mjs';
import { isSource, readProject } from './project.ts';
import { direction, outsideImports, systemsUseDoors } from './rules/direction.ts';
import { doorsAreDocumented, doorsAreExported } from './rules/doors.ts';
import { fileLengths, fileNames, forbiddenWords, openings } from './rules/files.ts';
import { purity } from './rules/purity.ts';
import { importsResolve, noCycles, noDeadFiles } from './rules/reach.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const project = readProject(root, Object.values(programs));

it('reads the tree', () => {
  expect([...project.files.keys()].filter(isSource)).toContain('src/base/assert.ts');
  expect(project.files.has('package.json') && project.files.has('.ci/run')).toBe(true);
});

it.each([
  ['imports point downwards', direction],
  ['the outside enters by platform/ and dependencies only', outsideImports],
  ['systems use public doors only', systemsUseDoors],
  ['pure rooms know no clock, chance, timer, promise or platform', purity],
  ['no module imports itself by way of others', noCycles],
  ['every import leads somewhere', importsResolve],
  ['no file is dead', noDeadFiles],
  ['files and folders are named in kebab-case after their subject', fileNames],
  ['no file is too long without a reason', fileLengths],
  ['each module opens with what it is', openings],
  ['no forbidden words', forbiddenWords],
  ['package.json exports the doors', doorsAreExported],
  ['what a door gives out is documented', doorsAreDocumented],
])('%s', (_, rule) => {
  expect(rule(project).join('\n')).toBe('');
});
