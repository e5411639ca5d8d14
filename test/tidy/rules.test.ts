/** Shows of each rule, on a few planted lines, that it bites, and that it lets good work pass. */
import { describe, expect, it } from 'vitest';
import type { Manifest, Project } from './project.ts';
import { direction, outsideImports, systemsUseDoors } from './rules/direction.ts';
import { doorsAreDocumented, doorsAreExported } from './rules/doors.ts';
import { fileLengths, fileNames, forbiddenWords, openings } from './rules/files.ts';
import { purity } from './rules/purity.ts';
import { importsResolve, noCycles, noDeadFiles } from './rules/reach.ts';

function project(
  files: Record<string, string>,
  manifest: Manifest = {},
  programs: string[] = [],
): Project {
  return { files: new Map(Object.entries(files)), manifest, programs };
}

/** One module that imports `to`, with the file that this names. */
function importing(from: string, specifier: string, to: string): Project {
  return project({
    [from]: `import { a } from '${specifier}';\na();`,
    [to]: 'export const a = 1;',
  });
}

describe('direction', () => {
  it.each([
    ['src/base/a.ts', '../ports/clock.ts', 'src/ports/clock.ts', 'base may not import ports'],
    ['src/raft/a.ts', '../swim/b.ts', 'src/swim/b.ts', 'raft may not import swim'],
    ['src/swim/a.ts', '../mvcc/b.ts', 'src/mvcc/b.ts', 'swim may not import mvcc'],
    ['src/raft/a.ts', '../engine/b.ts', 'src/engine/b.ts', 'raft may not import engine'],
    ['src/engine/a.ts', '../machine/b.ts', 'src/machine/b.ts', 'engine may not import machine'],
    ['src/gossip/a.ts', '../raft/b.ts', 'src/raft/b.ts', 'gossip may not import raft'],
    ['src/grpc/a.ts', '../kv/b.ts', 'src/kv/b.ts', 'grpc may not import kv'],
    ['src/server/a.ts', '../client/b.ts', 'src/client/b.ts', 'server may not import client'],
    ['src/sim/a.ts', '../platform/b.ts', 'src/platform/b.ts', 'sim may not import platform'],
    ['src/sim/a.ts', '../server/b.ts', 'src/server/b.ts', 'sim may not import server'],
    ['src/kv/a.ts', '../sim/b.ts', 'src/sim/b.ts', 'kv may not import sim'],
    ['src/cli/a.ts', '../platform/b.ts', 'src/platform/b.ts', 'cli may not import platform'],
    ['src/member/a.ts', '../platform/b.ts', 'src/platform/b.ts', 'member may not import platform'],
    ['src/index.ts', './sim/b.ts', 'src/sim/b.ts', 'doors may not import sim'],
    ['src/member/a.ts', '../index.ts', 'src/index.ts', 'member may not import doors'],
    ['src/raft/a.ts', './a.test.ts', 'src/raft/a.test.ts', 'product code imports a test'],
    ['src/raft/a.ts', '../../test/b.ts', 'test/b.ts', 'outside'],
  ])('refuses that %s imports %s', (from, specifier, to, problem) => {
    expect(direction(importing(from, specifier, to)).join('\n')).toContain(problem);
  });

  it.each([
    ['src/raft/a.ts', '../base/assert.ts', 'src/base/assert.ts'],
    ['src/raft/wire/a.ts', '../message.ts', 'src/raft/message.ts'],
    ['src/engine/a.ts', '../raft/b.ts', 'src/raft/b.ts'],
    ['src/kv/a.ts', '../mvcc/b.ts', 'src/mvcc/b.ts'],
    ['src/server/a.ts', '../grpc/b.ts', 'src/grpc/b.ts'],
    ['src/gossip/a.ts', '../swim/b.ts', 'src/swim/b.ts'],
    ['src/index.ts', './platform/b.ts', 'src/platform/b.ts'],
    ['src/sim.ts', './sim/b.ts', 'src/sim/b.ts'],
    ['src/sim/a.ts', '../kv/b.ts', 'src/kv/b.ts'],
    ['src/cli/a.ts', '../sim/b.ts', 'src/sim/b.ts'],
    ['src/cli/a.ts', '../index.ts', 'src/index.ts'],
    ['src/base/a.test.ts', '../sim/b.ts', 'src/sim/b.ts'],
  ])('lets %s import %s', (from, specifier, to) => {
    expect(
      direction(importing(from, specifier, to)).filter((each) => each.startsWith(from)),
    ).toEqual([]);
  });

  it.each([
    ["import type { B } from '../engine/b.ts';"],
    ["export { b } from '../engine/b.ts';"],
    ["export * from '../engine/b.ts';"],
    ["const later = () => import('../engine/b.ts');"],
    ["type B = import('../engine/b.ts').B;"],
    ["new URL('../engine/b.ts', import.meta.url);"],
  ])('sees every form of import: %s', (line) => {
    const found = direction(project({ 'src/raft/a.ts': `\n${line}`, 'src/engine/b.ts': '' }));
    expect(found).toEqual(['src/raft/a.ts:2 raft may not import engine (src/engine/b.ts)']);
  });

  it('is not misled by strings and comments', () => {
    const text = "// import '../engine/b.ts'\nexport const a = \"import '../engine/b.ts'\";";
    expect(direction(project({ 'src/raft/a.ts': text }))).toEqual([]);
  });

  it('refuses a folder that is no room', () => {
    expect(direction(project({ 'src/attic/a.ts': '' }))).toEqual([
      'src/attic/a.ts:1 "attic" is no room of the house',
    ]);
  });
});

describe('outsideImports', () => {
  const found = (path: string, specifier: string, manifest: Manifest = {}) =>
    outsideImports(project({ [path]: `import '${specifier}';` }, manifest));

  it('lets platform/ alone import modules of Node', () => {
    expect(found('src/platform/a.ts', 'node:fs')).toEqual([]);
    expect(found('src/member/a.ts', 'node:fs')[0]).toContain('src/platform/ only');
    expect(found('src/cli/a.ts', 'node:fs')[0]).toContain('src/platform/ only');
  });

  it('wants every package among the dependencies', () => {
    expect(found('src/platform/a.ts', 'lmdb')[0]).toContain('lmdb is not among');
    expect(found('src/platform/a.ts', '@x/y/z')[0]).toContain('@x/y is not among');
    expect(found('src/platform/a.ts', 'lmdb', { dependencies: { lmdb: '3.5.1' } })).toEqual([]);
  });

  it('refuses that the package imports itself by name', () => {
    expect(found('src/client/a.ts', 'quorate/raft')[0]).toContain('by name');
  });
});

describe('systemsUseDoors', () => {
  const manifest = { exports: { '.': { default: './dist/src/index.js' } } };
  const found = (specifier: string) =>
    systemsUseDoors(
      project(
        { 'systems/kv/main.ts': `import '${specifier}';`, 'src/index.ts': '', 'src/raft/a.ts': '' },
        manifest,
      ),
    );

  it('lets a system import its own files and doors by name', () => {
    expect(found('./routes.ts')).toEqual([]);
    expect(found('quorate')).toEqual([]);
  });

  it.each(['../../src/index.ts', '../../src/raft/a.ts'])('refuses %s', (specifier) => {
    expect(found(specifier)[0]).toContain('behind the doors');
  });
});

describe('purity', () => {
  it.each([
    'export const now = Date.now();',
    'export const now = new Date();',
    'export const at = performance.now();',
    'export const die = Math.random();',
    'setTimeout(() => {}, 5);',
    'queueMicrotask(() => {});',
    'export const debug = process.env.DEBUG;',
    'export const copy = Buffer.alloc(5);',
    'export const id = crypto.randomUUID();',
    'export async function f() {}',
    'export const f = async () => 1;',
    'export function f(): Promise<void> { throw 1; }',
    'export const later = () => import("./b.ts");',
    'export function f(signal: AbortSignal) { return signal; }',
    'console.log("here");',
    'export const sort = (a: string, b: string) => a.localeCompare(b);',
    'export const date = globalThis.Date.now();',
    'export const ref = new WeakRef({});',
    "import { readFileSync } from 'node:fs';\nreadFileSync('x');",
    "import { pack } from 'msgpackr';\npack(1);",
  ])('refuses %s', (line) => {
    for (const room of ['raft', 'swim', 'mvcc', 'engine', 'base']) {
      expect(purity(project({ [`src/${room}/a.ts`]: line }))).not.toEqual([]);
    }
  });

  it.each([
    '// Date.now() and setTimeout are for others\nexport const a = "await process";',
    'export const f = (random: { below(n: number): number }) => random.below(6);',
    'export const f = (entry: { process: number; Date: number }) => entry.process + entry.Date;',
    'export interface Host { process(input: number): void; performance: number }',
    'export class A { process(): number { return 1; } }',
    'export const f = (crypto: { hash(n: number): number }) => crypto.hash(1);',
    'export const f = ({ process }: { process: number }) => process;',
    'export const floor = Math.floor(1.5);',
  ])('lets pass %s', (line) => {
    expect(purity(project({ 'src/raft/a.ts': line }))).toEqual([]);
  });

  it('leaves rooms that act, and tests, alone', () => {
    const line = 'setTimeout(async () => Date.now(), 1);';
    expect(purity(project({ 'src/member/a.ts': line, 'src/raft/a.test.ts': line }))).toEqual([]);
  });

  it('says where', () => {
    expect(purity(project({ 'src/raft/a.ts': '\n\nexport const now = Date.now();' }))).toEqual([
      'src/raft/a.ts:3 Date is a clock',
    ]);
  });
});

describe('noCycles', () => {
  it('finds a circle, of types too', () => {
    const circle = project({
      'src/raft/a.ts': "import { b } from './b.ts';",
      'src/raft/b.ts': "import type { C } from './c.ts';",
      'src/raft/c.ts': "export * from './a.ts';",
    });
    expect(noCycles(circle)).toEqual([
      'src/raft/a.ts:1 a circle: src/raft/a.ts → src/raft/b.ts → src/raft/c.ts',
    ]);
  });

  it('lets two ways lead to one file', () => {
    const diamond = project({
      'src/raft/a.ts': "import './b.ts';\nimport './c.ts';",
      'src/raft/b.ts': "import './d.ts';",
      'src/raft/c.ts': "import './d.ts';",
      'src/raft/d.ts': '',
    });
    expect(noCycles(diamond)).toEqual([]);
  });
});

describe('noDeadFiles', () => {
  const files = {
    'src/raft.ts': "export { a } from './raft/a.ts';",
    'src/raft/a.ts': 'export const a = 1;',
    'src/raft/a.test.ts': "import './a.ts';\nimport '../../test/cluster.ts';",
    'src/cli/main.ts': '',
    'test/cluster.ts': '',
    'test/suite/run.ts': '',
    'bench/raft.ts': "import './load/one.ts';",
    'bench/load/one.ts': '',
    'scripts/test.mjs': "import './run.mjs';",
    'scripts/run.mjs': '',
    'vitest.config.ts': '',
  };
  const manifest = {
    exports: { './raft': { types: './dist/src/raft.d.ts', default: './dist/src/raft.js' } },
    bin: { quorate: './dist/cli/main.js' },
    scripts: { test: 'node scripts/test.mjs' },
  };
  const found = (more: Record<string, string>, exceptions: Record<string, string[]> = {}) =>
    noDeadFiles(project({ ...files, ...more }, manifest, ['test/suite/run.ts']), exceptions);

  it('lets pass what a door, a program, a test, a bench or a script needs', () => {
    expect(found({})).toEqual([]);
  });

  it.each([
    'src/raft/old.ts',
    'src/cli/old.ts',
    'test/old.ts',
    'bench/load/old.ts',
    'scripts/old.mjs',
  ])('finds %s, which nothing needs', (path) =>
    expect(found({ [path]: '' })).toEqual([`${path}:1 nothing needs this file`]),
  );

  it('finds product code that only a test needs', () => {
    const more = { 'src/raft/b.ts': '', 'src/raft/b.test.ts': "import './b.ts';" };
    expect(found(more)).toEqual(['src/raft/b.ts:1 only tests need this file']);
  });

  it('lets a room be while its door is missing, and wants the line gone afterwards', () => {
    const exceptions = { 'src/gossip.ts': ['swim'] };
    expect(found({ 'src/swim/a.ts': '' }, exceptions)).toEqual([]);
    expect(found({ 'src/raft/b.ts': '' }, exceptions)).toHaveLength(1);
    expect(found({ 'src/swim/a.ts': '' }, { 'src/raft.ts': ['swim'] })).toHaveLength(2);
  });
});

describe('importsResolve', () => {
  it('finds an import of a file that is not there', () => {
    expect(importsResolve(project({ 'test/a.ts': "import './b.ts';" }))).toEqual([
      'test/a.ts:1 there is no test/b.ts',
    ]);
  });
});

describe('fileNames', () => {
  it.each(['src/raft/ReadIndex.ts', 'src/raft/read_index.ts', 'test/Raft/a.ts'])(
    'refuses %s',
    (path) => expect(fileNames(project({ [path]: '' }))[0]).toContain('kebab-case'),
  );

  it.each(['src/utils/a.ts', 'src/raft/helpers.ts', 'test/common.ts'])('refuses %s', (path) => {
    expect(fileNames(project({ [path]: '' }))[0]).toContain('says nothing');
  });

  it('lets good names pass', () => {
    const names = ['src/raft/read-index.ts', 'src/raft/log.soak.test.ts', 'vitest.config.ts'];
    expect(fileNames(project(Object.fromEntries(names.map((name) => [name, '']))))).toEqual([]);
  });
});

describe('fileLengths', () => {
  const long = 'export const a = 1;\n'.repeat(401);

  it('refuses more than 400 lines', () => {
    expect(fileLengths(project({ 'src/raft/a.ts': long }))[0]).toContain('has 401 lines');
    expect(fileLengths(project({ 'src/raft/a.ts': long.slice(20) }))).toEqual([]);
  });

  it('takes a reason, if it stands in the opening comment', () => {
    const reason = '/** Length: one table. */\n';
    expect(fileLengths(project({ 'src/raft/a.ts': reason + long }))).toEqual([]);
    expect(fileLengths(project({ 'src/raft/a.ts': long + reason }))).toHaveLength(1);
  });
});

describe('openings', () => {
  it('wants a comment before the code that says something', () => {
    const bare = 'export const a = 1;\n/** Something said too late to be an opening. */';
    expect(openings(project({ 'src/raft/a.ts': bare }))).toHaveLength(1);
    expect(openings(project({ 'src/raft/a.ts': `/** The log. */\n${bare}` }))).toHaveLength(1);
    const good = `/** The log: entries in order, and which of them are stable. */\n${bare}`;
    expect(openings(project({ 'src/raft/a.ts': good }))).toEqual([]);
  });
});

describe('forbiddenWords', () => {
  // Put together here, so that this file does not break the rule that it tests.
  const join = (...parts: string[]) => parts.join('');

  it.each([
    join('// TO', 'DO: the rest'),
    join('// FIX', 'ME'),
    join("throw new Error('not imple", "mented');"),
    join("const path = '/ho", "me/someone/quorate';"),
    join('see /wo', 'rk/quorate'),
    join('https://registry', '.npmjs.org/vite'),
    join('"resol', 'ved": "https://example.org/vite.tgz"'),
  ])('refuses %s', (line) => {
    expect(forbiddenWords(project({ 'README.md': `fine\n${line}` }))[0]).toMatch(/^README.md:2 /);
  });

  it('lets ordinary words pass', () => {
    const text = 'The registry of members; the key /home; a promise is resolved; network/work/x.';
    expect(forbiddenWords(project({ 'README.md': text }))).toEqual([]);
  });
});

describe('doorsAreExported', () => {
  const entry = (name: string) => ({ default: `./dist/src/${name}.js` });

  it('finds a door that is not exported, and an export that is no door', () => {
    const doors = project({ 'src/raft.ts': '' }, { exports: { '.': entry('index') } });
    expect(doorsAreExported(doors)).toEqual([
      'src/raft.ts:1 package.json does not export it as "./raft"',
      'package.json:1 exports ".", which is not built from its door',
    ]);
  });

  it('lets pass what agrees', () => {
    const exports = {
      '.': entry('index'),
      './raft': entry('raft'),
      './package.json': './package.json',
    };
    expect(
      doorsAreExported(project({ 'src/raft.ts': '', 'src/index.ts': '' }, { exports })),
    ).toEqual([]);
  });
});

describe('doorsAreDocumented', () => {
  const documented = '/** A log. */\nexport class Log {}\n';
  const bare = 'export const size = 1;\nexport type Size = number;\n';

  it.each([
    ["export { Log, size } from './raft/log.ts';", 1],
    ["export { Log } from './raft/log.ts';", 0],
    ["export { size as logSize, type Size } from './raft/log.ts';", 2],
    ["export * from './raft/log.ts';", 2],
    ["export * from './raft/again.ts';", 2],
    ['export function open() {}', 1],
    ['/** Opens. */\nexport function open() {}', 0],
  ])('%s: %i without docstring', (door, count) => {
    const found = doorsAreDocumented(
      project({
        'src/raft.ts': door,
        'src/raft/log.ts': documented + bare,
        'src/raft/again.ts': "export * from './log.ts';",
      }),
    );
    expect(found).toHaveLength(count);
  });

  it('says where the docstring is missing', () => {
    const files = {
      'src/raft.ts': "export * from './raft/log.ts';",
      'src/raft/log.ts': `\n${bare}`,
    };
    expect(doorsAreDocumented(project(files))).toEqual([
      'src/raft/log.ts:2 size is public without docstring',
      'src/raft/log.ts:3 Size is public without docstring',
    ]);
  });
});
