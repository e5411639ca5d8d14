/** No circles, and nothing that nobody needs. */
import { cycles, edgesOf, reachable, sourcesOf } from '../graph.ts';
import { isModule, isSource, isTest, type Project } from '../project.ts';
import { roomOf, underConstruction } from '../rooms.ts';

/** No module imports itself by way of others. Types count: a circle of types is one idea cut in two. */
export function noCycles(project: Project): string[] {
  const paths = [...project.files.keys()].filter(isModule);
  return cycles(project, paths).map((circle) => `${circle[0]}:1 a circle: ${circle.join(' → ')}`);
}

/**
 * Every file is needed: those in src/ by a door or a program of the package (needed by tests alone
 * is not needed), those in test/, bench/, systems/ and scripts/ by something that can be started.
 * Rooms under construction are let off until their door is there.
 */
export function noDeadFiles(
  project: Project,
  exceptions: Readonly<Record<string, readonly string[]>> = underConstruction,
): string[] {
  const paths = [...project.files.keys()].filter(isModule);
  const { exports: doors = {}, bin = {}, scripts = {} } = project.manifest;
  const shipped = [
    ...Object.values(doors).flatMap(sourcesOf),
    ...Object.values(bin).flatMap(sourcesOf),
    ...project.programs.filter((path) => path.startsWith('src/')),
  ];
  const alive = reachable(project, shipped);
  const started = paths.filter(
    (path) =>
      isTest(path) ||
      project.programs.includes(path) ||
      /^(bench|systems\/[^/]+)\/[^/]+\.ts$/.test(path) ||
      // Measured processes are started by their path.
      /^bench\/[^/]+\/worker\.ts$/.test(path) ||
      !path.includes('/') ||
      Object.values(scripts).some((command) => command.includes(path)),
  );
  const aliveOutside = reachable(project, [...started, ...shipped]);

  const dead = paths.filter((path) =>
    isSource(path) ? !alive.has(path) : !aliveOutside.has(path),
  );
  const doorsMissing = Object.keys(exceptions).filter((door) => !project.files.has(door));
  const roomsExcepted = new Set(doorsMissing.flatMap((door) => exceptions[door] ?? []));
  return [
    ...dead
      .filter((path) => !roomsExcepted.has(roomOf(path) ?? ''))
      .map((path) => `${path}:1 ${deadBecause(path, aliveOutside)}`),
    ...Object.keys(exceptions)
      .filter((door) => project.files.has(door))
      .map((door) => `test/tidy/rooms.ts:1 ${door} is there: its line under construction can go`),
  ];
}

function deadBecause(path: string, reachedByTests: ReadonlySet<string>): string {
  return reachedByTests.has(path) ? 'only tests need this file' : 'nothing needs this file';
}

/** An import by a relative path leads to a file that is there, with its full name. */
export function importsResolve(project: Project): string[] {
  return [...project.files.keys()].filter(isModule).flatMap((path) =>
    edgesOf(project, path)
      .filter(({ to }) => !project.files.has(to))
      .map(({ to, line }) => `${path}:${line} there is no ${to}`),
  );
}
