/**
 * The pure rooms compute and do nothing else: what they do must depend on their input alone, or
 * neither the simulator nor a replay could repeat it.
 */
import { isSource, type Project, syntaxOf } from '../project.ts';
import { pureRooms, roomOf } from '../rooms.ts';

/** Names that bring in the world, by what is wrong with them. */
const forbiddenNames: Readonly<Record<string, readonly string[]>> = {
  'a clock': ['Date', 'performance', 'Temporal'],
  'a source of randomness': ['Math.random', 'crypto', 'Crypto', 'SubtleCrypto'],
  'a timer': [
    ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'requestAnimationFrame'],
    ...['clearTimeout', 'clearInterval', 'clearImmediate'],
  ],
  'a promise or signal': ['Promise', 'PromiseLike', 'AbortSignal', 'AbortController'],
  'the platform': [
    ...['process', 'Buffer', 'NodeJS', 'require', 'globalThis', 'global', 'window', 'self'],
    ...['navigator', 'console', 'fetch', 'WebSocket', 'Worker', 'EventTarget'],
  ],
  "dependent on the reader's language": [
    ...['Intl', '.localeCompare', '.toLocaleString', '.toLocaleLowerCase', '.toLocaleUpperCase'],
    ...['.toLocaleDateString', '.toLocaleTimeString'],
  ],
  'dependent on when memory is collected': ['WeakRef', 'FinalizationRegistry'],
};

const whatIsWrong = new Map(
  Object.entries(forbiddenNames).flatMap(([what, names]) => names.map((name) => [name, what])),
);

export function purity(project: Project): string[] {
  return [...project.files.keys()]
    .filter((path) => isSource(path) && pureRooms.has(roomOf(path) ?? ''))
    .flatMap((path) => {
      const { imports, uses, waits } = syntaxOf(project, path);
      return [
        ...imports
          .filter(({ specifier }) => !specifier.startsWith('.'))
          .map(({ specifier, line }) => `${path}:${line} a pure room imports ${specifier}`),
        ...uses
          .filter(({ name }) => whatIsWrong.has(name))
          .map(({ name, line }) => `${path}:${line} ${name} is ${whatIsWrong.get(name)}`),
        ...waits.map(({ name, line }) => `${path}:${line} a pure room waits for nothing: ${name}`),
      ];
    });
}
