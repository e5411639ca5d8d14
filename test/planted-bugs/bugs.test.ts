/** The catalogue fits what is built, and some bugs that are quick to find are found. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { plantedBugs } from './catalogue.ts';
import type { Hunt } from './hunt.ts';

const built = (path: string): string =>
  fileURLToPath(new URL(`../../dist/${path}`, import.meta.url));

describe('the catalogue of planted bugs', () => {
  it('has at least 24, each with a name of its own', () => {
    expect(new Set(plantedBugs.map(({ name }) => name)).size).toBe(plantedBugs.length);
    expect(plantedBugs.length).toBeGreaterThanOrEqual(24);
  });

  it.each(plantedBugs)('$name: there is one place for each part of it', ({ plants }) => {
    for (const { module, find, replace } of plants) {
      const text = readFileSync(built(`src/${module}.js`), 'utf8');
      expect(text.split(find).length - 1).toBe(1);
      expect(text.replace(find, () => replace)).not.toBe(text);
    }
  });

  it.each(['commit with a minority', 'apply a command twice', 'forget to persist the vote'])(
    '%s: is caught',
    (name) => {
      const hunt = built('test/planted-bugs/hunt.js');
      const { stdout } = spawnSync(process.execPath, [hunt, name], { encoding: 'utf8' });
      const { seed, rule } = JSON.parse(stdout) as Hunt;
      expect(seed).toBeGreaterThan(0);
      expect(rule).toMatch(/./);
    },
  );
});
