/**
 * A trap for what would make a run differ from its repetition: real time, real randomness, real
 * timers and real I/O. While it is set, any use of them throws, and so names the line that went
 * around the ports (reliability.md, "Determinism").
 */
import { AssertionError } from '../base/assert.ts';

/** Properties of one object that are trapped. */
interface Trapped {
  readonly of: string;
  readonly object: object;
  readonly names: readonly string[];
}

/** Node's modules, where there is Node: what is trapped in each. */
const builtins: Readonly<Record<string, readonly string[]>> = {
  crypto: ['randomBytes', 'randomFillSync', 'randomFill', 'randomInt', 'randomUUID', 'scrypt'],
  fs: [
    ...['open', 'openSync', 'read', 'readSync', 'readFile', 'readFileSync', 'write', 'writeSync'],
    ...['writev', 'writevSync', 'writeFile', 'writeFileSync', 'fsync', 'fdatasync', 'fsyncSync'],
    ...['fdatasyncSync', 'rename', 'renameSync', 'unlink', 'unlinkSync', 'mkdir', 'mkdirSync'],
    ...['readdir', 'readdirSync', 'stat', 'statSync'],
  ],
  net: ['connect', 'createConnection', 'createServer'],
  tls: ['connect', 'createServer'],
  dgram: ['createSocket'],
  dns: ['lookup', 'resolve'],
  'fs/promises': ['open', 'readFile', 'writeFile', 'rename', 'unlink', 'mkdir', 'readdir', 'stat'],
  'timers/promises': ['setTimeout', 'setInterval', 'setImmediate'],
  timers: ['setTimeout', 'setInterval', 'setImmediate'],
  child_process: ['spawn', 'spawnSync', 'exec', 'execFile', 'fork'],
};

/** How many traps are set, one within the other. */
let depth = 0;
let restore: () => void = () => {};

/**
 * Sets the trap and answers what lifts it again, to be called once. Traps may be nested. Code that
 * has got hold of a function before is not caught by it.
 */
export function trapNondeterminism(): () => void {
  if (depth++ === 0) restore = setTrap();
  let lifted = false;
  return () => {
    if (lifted) return;
    lifted = true;
    if (--depth === 0) restore();
  };
}

function setTrap(): () => void {
  const undo: (() => void)[] = [];
  for (const { of, object, names } of everything()) {
    for (const name of names) {
      const before = Object.getOwnPropertyDescriptor(object, name);
      // A method of the prototype is covered by an own one, which goes away again.
      if (!(name in object) || before?.configurable === false) continue;
      const original: unknown = Reflect.get(object, name);
      const value = name === 'Date' ? trappedDate() : thrower(`${of}.${name}`, original);
      Object.defineProperty(object, name, {
        value,
        configurable: true,
        writable: true,
        enumerable: before?.enumerable ?? false,
      });
      undo.push(() => {
        if (before === undefined) Reflect.deleteProperty(object, name);
        else Object.defineProperty(object, name, before);
      });
    }
  }
  syncBuiltins();
  return () => {
    for (const step of undo) step();
    syncBuiltins();
  };
}

function everything(): Trapped[] {
  const trapped: Trapped[] = [
    {
      of: 'globalThis',
      object: globalThis,
      names: ['Date', 'setTimeout', 'setInterval', 'setImmediate', 'fetch'],
    },
    { of: 'Math', object: Math, names: ['random'] },
  ];
  if (globalThis.performance !== undefined) {
    trapped.push({ of: 'performance', object: globalThis.performance, names: ['now'] });
  }
  if (globalThis.crypto !== undefined) {
    const names = ['getRandomValues', 'randomUUID'];
    trapped.push({ of: 'crypto', object: globalThis.crypto, names });
  }
  if (typeof process === 'undefined') return trapped;
  trapped.push({ of: 'process', object: process, names: ['hrtime', 'uptime'] });
  for (const [name, names] of Object.entries(builtins)) {
    const object = process.getBuiltinModule?.(`node:${name}`);
    if (object !== undefined) trapped.push({ of: name, object, names });
  }
  return trapped;
}

/** What was imported from Node's modules by name follows the changes only when told to. */
function syncBuiltins(): void {
  if (typeof process === 'undefined') return;
  process.getBuiltinModule?.('node:module')?.syncBuiltinESMExports();
}

/** A calendar is fine; the present is not. */
function trappedDate(): DateConstructor {
  return new Proxy(Date, {
    construct(target, input: [], newTarget) {
      if (input.length === 0) caught('new Date()');
      return Reflect.construct(target, input, newTarget);
    },
    apply: () => caught('Date()'),
    get(target, name) {
      if (name === 'now') return thrower('Date.now');
      return Reflect.get(target, name);
    },
  });
}

/** A function that is caught, with all functions that hang on the original (hrtime.bigint). */
function thrower(what: string, original?: unknown): () => never {
  const trapped = (): never => caught(what);
  if (typeof original !== 'function') return trapped;
  for (const [name, value] of Object.entries(original)) {
    if (typeof value === 'function') Reflect.set(trapped, name, thrower(`${what}.${name}`));
  }
  return trapped;
}

function caught(what: string): never {
  throw new AssertionError(`${what} was used within a simulation: use the ports`);
}
