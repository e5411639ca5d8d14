/** Compiles every example of the documentation, all in one run of the compiler. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformWithOxc } from 'vite';
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

/** Lines that say something. */
const linesOf = (code: string): number =>
  code.split('\n').filter((line) => line.trim() !== '').length;

/** What is left for Node, as the compiler makes it. */
async function withoutTypes(code: string): Promise<string> {
  return (await transformWithOxc(code, 'example.ts')).code;
}

/** Runs a module in a folder of its own; what it printed, line by line, but for the log. */
function run(code: string): { readonly lines: readonly string[] } {
  const cache = join(root, '.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'run-'));
  try {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', code],
      { cwd: folder, encoding: 'utf8', timeout: 170_000 },
    );
    expect({ status, stderr: stderr.split('\n').filter((line) => !line.startsWith('{')) }).toEqual({
      status: 0,
      stderr: [''],
    });
    return { lines: stdout.trim().split('\n') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('examples', () => {
  it('compile', () => {
    const examples = examplesOf(readProject(root, []));
    expect(examples.length).toBeGreaterThan(0);
    expect(compile(examples)).toBe('');
  });

  describe('in the README run as written, and print what it says:', () => {
    const readme = readProject(root, []).files.get('README.md') ?? '';
    const examples = examplesOf(project({ 'README.md': readme }));
    const named = (name: string): string => {
      const found = examples.find(({ code }) => code.includes(name));
      expect(found, `an example with ${name}`).toBeDefined();
      return found!.code;
    };

    it('three cores', () => {
      // Without types in it, the example is a module that Node can run; it imports what was built.
      expect(run(named('new Raft')).lines).toEqual([1, 2, 3].map((id) => `${id} applies 2: hello`));
      expect(readme).toContain('`1 applies 2: hello`');
    });

    it('the counters, in fewer than 25 lines', async () => {
      const code = named('counters');
      expect(linesOf(code)).toBeLessThan(25);
      expect(run(await withoutTypes(code)).lines.at(-1)).toBe('1 holds 5');
      expect(readme).toContain('`1 holds 5`');
    });

    it('the bank, in fewer than 25 lines', async () => {
      const code = named('bank');
      expect(linesOf(code)).toBeLessThan(25);
      const { lines } = run(await withoutTypes(code));
      expect(lines.at(-1)).toBe('70n 30n');
      expect(lines.join()).toContain('insufficient-funds');
      expect(readme).toContain('`70n 30n`');
    });

    it('the bank in the simulator, in fewer than 25 lines', async () => {
      const code = named('simulate(bank');
      expect(linesOf(code)).toBeLessThan(25);
      expect(run(await withoutTypes(code)).lines.at(-1)).toBe('3 seeds: 300 stay 300');
      expect(readme).toContain('`3 seeds: 300 stay 300`');
    });
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
