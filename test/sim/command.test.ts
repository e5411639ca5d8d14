/**
 * `quorate sim` as people run it: the built command in a folder of its own. What a failure prints is
 * run as it is printed, and must fail the same. The failure is that of a planted bug.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromJsonLines } from '../../src/sim/checkers/history.ts';
import { drawPlan, quickHardware } from '../../src/sim/run/plan.ts';

const distPath = path.resolve(import.meta.dirname, '../../dist');
const bug = 'apply a command twice';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'quorate-sim-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Plants the bug into every process that is begun from now on. */
function planting(): string {
  const hook = JSON.stringify(pathToFileURL(path.join(distPath, 'test/planted-bugs/hook.js')).href);
  const script = `import { register } from 'node:module'; register(${hook}, { data: '${bug}' });`;
  return `--import data:text/javascript,${encodeURIComponent(script)}`;
}

/** Runs a command as it is written, for `npx quorate` the one that was built. */
function run(command: string, { planted = false } = {}) {
  const [npx, quorate, ...args] = command.split(' ');
  expect([npx, quorate]).toEqual(['npx', 'quorate']);
  const program = path.join(distPath, 'src/cli/main.js');
  const env = { ...process.env, NODE_OPTIONS: planted ? planting() : '' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    ...{ cwd: folder, env, encoding: 'utf8', timeout: 170_000 },
  });
  return { status, stdout, stderr };
}

/** Which rule a failed run says is broken, and how. */
function violationIn(text: string): string[] {
  const [, seed = '', rule = '', message = ''] =
    /^Seed (\d+) breaks "(.*)"\n(.*)$/m.exec(text) ?? [];
  return [seed, rule, message];
}

const read = (name: string): string => readFileSync(path.join(folder, name), 'utf8');

function writePlan(name: string): void {
  const plan = drawPlan(2, {
    members: 3,
    faults: ['pause', 'transfer'],
    faultyMs: 3_000,
    hardware: quickHardware,
    clientsPerMember: 1,
    thinkMs: 40,
  });
  writeFileSync(path.join(folder, name), JSON.stringify(plan));
}

describe('quorate sim', () => {
  it('a failing seed is repeated by the one command that its failure prints', () => {
    const first = run('npx quorate sim --seeds 1 --seed 2 --processes 1', { planted: true });
    expect(first.stderr).toBe('');
    expect(first.status).toBe(1);
    expect(first.stdout).toMatch(/^0 passed, 1 failed$/m);
    const violation = violationIn(first.stdout);
    expect(violation[0]).toBe('2');
    expect(violation[2]).not.toBe('');
    const command = /^Repeat it with: (.*)$/m.exec(first.stdout)?.[1] ?? '';

    const again = run(command, { planted: true });
    expect(again.status).toBe(1);
    expect(violationIn(again.stdout)).toEqual(violation);
    // Without the bug nothing is wrong: it is this that the schedule shows.
    expect(run(command).status).toBe(0);
  });

  it('writes a page that needs nothing else', () => {
    writePlan('page.plan');
    const command = 'npx quorate sim --replay page.plan --page told.html';
    const { status, stdout } = run(command, { planted: true });
    expect(status).toBe(1);
    expect(stdout).toContain('--replay told.json');
    const page = read('told.html');
    expect(page).toMatch(/^<!doctype html>/i);
    expect(page).toContain('<svg');
    expect(page).toContain(violationIn(stdout)[1]);
    expect(page).not.toMatch(/<script|<link|\bsrc=|https?:\/\/(?!www\.w3\.org)/);
  });

  it('writes what clients saw as JSON lines, for a checker outside', () => {
    writePlan('history.plan');
    const { status } = run('npx quorate sim --replay history.plan --history seen.jsonl');
    expect(status).toBe(0);
    const text = read('seen.jsonl');
    const lines = text.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) {
      const operation = JSON.parse(line) as Record<string, unknown>;
      expect(Object.keys(operation)).toEqual(['client', 'call', 'return', 'input', 'output']);
      expect(operation.client).toBeTypeOf('number');
      expect(operation.call).toBeTypeOf('number');
      if (operation.return === null) expect(operation.output).toBe(null);
      else expect(operation.return).toBeGreaterThan(operation.call as number);
    }
    expect(fromJsonLines(text)).toHaveLength(lines.length);
  });

  it('runs many seeds in several processes, ends, and adds up', () => {
    const { status, stdout } = run('npx quorate sim --seeds 3 --seed 2 --processes 2');
    expect(status).toBe(0);
    const summary = stdout.trimEnd().split('\n');
    expect(summary.map((line) => line.split(' ')[0])).toEqual([
      ...['seeds', 'events', 'time', 'operations', 'checked', 'faults', 'slowest', '3'],
    ]);
    expect(summary[0]).toMatch(/ 3$/);
    expect(summary.at(-1)).toBe('3 passed, 0 failed');
  });
});
