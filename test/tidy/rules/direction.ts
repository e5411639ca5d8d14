/** Who may import whom: the layers of the house, and what from outside may enter where. */
import { edgesOf } from '../graph.ts';
import { isSource, isTest, type Project, syntaxOf } from '../project.ts';
import { mayImport, roomOf } from '../rooms.ts';

/** Imports between rooms point downwards only. */
export function direction(project: Project): string[] {
  return [...project.files.keys()].filter(isSource).flatMap((path) => {
    const room = roomOf(path) ?? '';
    const allowed = mayImport[room];
    if (allowed === undefined) return [`${path}:1 "${room}" is no room of the house`];
    return edgesOf(project, path).flatMap(({ to, line }) => {
      const other = roomOf(to);
      if (other === undefined) return [`${path}:${line} src/ imports ${to}, which is outside it`];
      if (!project.files.has(to)) return [`${path}:${line} there is no ${to}`];
      if (isTest(to)) return [`${path}:${line} product code imports a test, ${to}`];
      const isDoorOfSim = path === 'src/sim.ts' && other === 'sim';
      if (other === room || allowed.includes(other) || isDoorOfSim) return [];
      return [`${path}:${line} ${room} may not import ${other} (${to})`];
    });
  });
}

/**
 * Node's modules enter only by src/platform/, packages only if users get them too, and the
 * package never imports itself by name.
 */
export function outsideImports(project: Project): string[] {
  const dependencies = Object.keys(project.manifest.dependencies ?? {});
  return [...project.files.keys()].filter(isSource).flatMap((path) =>
    syntaxOf(project, path).imports.flatMap(({ specifier, line }) => {
      if (specifier.startsWith('.')) return [];
      if (specifier.startsWith('node:')) {
        if (roomOf(path) === 'platform') return [];
        return [`${path}:${line} ${specifier} may be imported in src/platform/ only`];
      }
      const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
      if (name === 'quorate') return [`${path}:${line} imports its own package by name`];
      if (dependencies.includes(name)) return [];
      return [`${path}:${line} ${name} is not among the dependencies of package.json`];
    }),
  );
}

/** The founding systems use the public doors, by the package's name, and nothing behind them. */
export function systemsUseDoors(project: Project): string[] {
  return [...project.files.keys()]
    .filter((path) => path.startsWith('systems/') && path.endsWith('.ts'))
    .flatMap((path) =>
      edgesOf(project, path).flatMap(({ to, line }) => {
        const named = syntaxOf(project, path).imports.some(
          (each) => each.line === line && each.specifier.startsWith('quorate'),
        );
        const inside = to.startsWith('systems/') || (isTest(path) && to.startsWith('test/'));
        return named || inside ? [] : [`${path}:${line} reaches behind the doors, to ${to}`];
      }),
    );
}
