/** Compiles every example of the documentation, all in one run of the compiler. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Example, examplesOf } from './examples.ts';
import { type Project, readProject } from './project.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What the compiler has to say, with the examples' places instead of file names. */
function compile(examples: readonly Example[]): string {
  const cache = join(root, '.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'examples-'));
  try {
    const settings = {
      extends: '../../tsconfig.json',
      // An example shows what it shows; that a name is left over is no fault of it.
      compilerOptions: { noUnusedLocals: false, noUnusedParameters: false, rootDir: '../..' },
      include: ['*.ts'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
    for (const [index, { code }] of examples.entries()) {
      // Without an export, a file with no import would be a script, and share all its names.
      writeFileSync(join(folder, `example-${index}.ts`), `${code}\nexport {};\n`);
    }
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
      cwd: folder,
      encoding: 'utf8',
    });
    return stdout.replace(/example-(\d+)\.ts/g, (_, index) => `${examples[index]?.place} `).trim();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function project(files: Record<string, string>): Project {
  return { files: new Map(Object.entries(files)), manifest: {}, programs: [] };
}

describe('examples', () => {
  it('compile', () => {
    const examples = examplesOf(readProject(root, []));
    expect(examples.length).toBeGreaterThan(0);
    expect(compile(examples)).toBe('');
  });

  it('in the README run as written, and print what it says', () => {
    const readme = readProject(root, []).files.get('README.md') ?? '';
    const [example] = examplesOf(project({ 'README.md': readme }));
    // Without types in it, the example is a module that Node can run; it imports what was built.
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', example?.code ?? ''],
      { cwd: root, encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n')).toEqual([1, 2, 3].map((id) => `${id} applies 2: hello`));
    expect(readme).toContain('`1 applies 2: hello`');
  });

  it('are found in Markdown and under @example, with their places', () => {
    const found = examplesOf(
      project({
        'README.md': '# A\n```ts\nconst a = 1;\n```\n```sh\nls\n```\n',
        'src/raft/log.ts': [
          '/**',
          ' * A log.',
          ' *',
          ' * @example',
          ' * ```ts',
          ' * size(new Log());',
          ' * ```',
          ' */',
          'export class Log {}',
          'export const size = (log: Log) => (log ? 1 : 0);',
        ].join('\n'),
        'src/raft/log.test.ts': '/**\n * @example\n * ```ts\n * b();\n * ```\n */',
      }),
    );
    expect(found).toEqual([
      { place: 'README.md:3', code: 'const a = 1;\n' },
      {
        place: 'src/raft/log.ts:6',
        code: "import { Log, size } from '../../src/raft/log.ts'; size(new Log());\n",
      },
    ]);
  });

  it('that are wrong are shown with their places', () => {
    const wrong = [
      { place: 'README.md:3', code: 'const a: number = 1;' },
      { place: 'README.md:9', code: "const a: number = 'one';" },
    ];
    expect(compile(wrong)).toMatch(/^README\.md:9 \(1,7\): error TS2322/);
  });
});
