/**
 * Facts about one module, from a real parser: what it imports, which global names it uses, where
 * it waits, what it exports. Text search would trip over strings and comments.
 */
import { parseSync } from 'oxc-parser';

/** One place where a module names another. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
}

/** A use of a name that the module itself does not declare, or of a member of such a name. */
export interface Use {
  /** `Date`, `Math.random`, or `.localeCompare` for a member of anything. */
  readonly name: string;
  readonly line: number;
}

/** A name that a module exports, and where it is declared. */
export interface Export {
  /** As importers see it; `*` for all of another module. */
  readonly name: string;
  /** In the module that declares it; differs from `name` where it is renamed. */
  readonly sourceName: string;
  /** The module it is taken from, if that is another. */
  readonly from?: string;
  readonly line: number;
  /** Whether a docstring stands before the declaration; meaningless if `from` is set. */
  readonly documented: boolean;
}

export interface SyntaxFacts {
  readonly imports: readonly Import[];
  readonly uses: readonly Use[];
  /** `async`, `await`, `for await` and `import()`. */
  readonly waits: readonly Use[];
  readonly exports: readonly Export[];
  /** The text of each docstring, without its stars, and the line it begins on. */
  readonly docstrings: readonly { readonly text: string; readonly line: number }[];
  /** The comments that stand before any code. */
  readonly opening: string;
}

/** A node of the syntax tree, as far as the walk needs to know it. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

interface Comment {
  readonly type: 'Line' | 'Block';
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** Parses a module. Throws if it does not parse. */
export function parseModule(path: string, text: string): SyntaxFacts {
  const result = parseSync(path, text, { lang: 'ts', sourceType: 'module' });
  const [error] = result.errors;
  if (error !== undefined) throw new Error(`${path} does not parse: ${error.message}`);
  const program = result.program as unknown as Node;
  const body = program.body as Node[];
  const comments = result.comments as Comment[];
  const lineAt = lineFinder(text);

  const walk = new Walk(lineAt);
  walk.visit(program);
  const firstCode = body[0]?.start ?? text.length;
  return {
    imports: walk.imports,
    uses: walk.uses.filter((use) => !walk.declared.has(use.name.split('.')[0] ?? '')),
    waits: walk.waits,
    exports: body.flatMap((statement) => exportsOf(statement, { text, comments, lineAt })),
    docstrings: comments
      .filter((comment) => comment.type === 'Block' && comment.value.startsWith('*'))
      .map((comment) => ({
        text: comment.value.slice(1).replace(/^[ \t]*\* ?/gm, ''),
        line: lineAt(comment.start),
      })),
    opening: comments
      .filter((comment) => comment.end <= firstCode)
      .map((comment) => comment.value)
      .join('\n'),
  };
}

/** Goes through a syntax tree once and notes what the rules ask for. */
class Walk {
  readonly imports: Import[] = [];
  readonly uses: Use[] = [];
  readonly waits: Use[] = [];
  /** Every name that the module declares anywhere; such a name is not the global one. */
  readonly declared = new Set<string>();
  readonly #lineAt: (offset: number) => number;

  constructor(lineAt: (offset: number) => number) {
    this.#lineAt = lineAt;
  }

  visit(node: Node): void {
    const line = this.#lineAt(node.start);
    switch (node.type) {
      case 'ImportDeclaration':
      case 'ExportAllDeclaration':
      case 'ExportNamedDeclaration':
      case 'ImportExpression':
      case 'TSImportType':
        this.#noteImport(node.source, line);
        if (node.type === 'ImportExpression') this.waits.push({ name: 'import()', line });
        break;
      case 'NewExpression':
        this.#noteUrl(node, line);
        break;
      case 'ImportSpecifier':
      case 'ImportDefaultSpecifier':
      case 'ImportNamespaceSpecifier':
        this.#declare(node.local);
        return;
      case 'ExportSpecifier':
        return;
      case 'VariableDeclarator':
      case 'ClassDeclaration':
      case 'TSTypeAliasDeclaration':
      case 'TSInterfaceDeclaration':
        this.#declare(node.id);
        break;
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        if (node.async === true) this.waits.push({ name: 'async', line });
        this.#declare(node.id);
        break;
      case 'AwaitExpression':
        this.waits.push({ name: 'await', line });
        break;
      case 'ForOfStatement':
        if (node.await === true) this.waits.push({ name: 'for await', line });
        break;
      case 'CatchClause':
        this.#declare(node.param);
        break;
      case 'MemberExpression':
        this.#noteMember(node, line);
        break;
      case 'Identifier':
        this.uses.push({ name: String(node.name), line });
        break;
    }
    if (Array.isArray(node.params)) for (const param of node.params) this.#declare(param);
    for (const [key, child] of Object.entries(node)) {
      if (isNameOnly(node, key)) continue;
      if (Array.isArray(child)) for (const each of child) this.#visitIfNode(each);
      else this.#visitIfNode(child);
    }
  }

  #visitIfNode(value: unknown): void {
    if (isNode(value)) this.visit(value);
  }

  #noteImport(source: unknown, line: number): void {
    const value = isNode(source) ? source.value : undefined;
    if (typeof value === 'string') this.imports.push({ specifier: value, line });
  }

  /** `new URL('./worker.ts', import.meta.url)` leads to another file as an import does. */
  #noteUrl(node: Node, line: number): void {
    const [first, second] = node.arguments as (Node | undefined)[];
    const value = first?.value;
    if (typeof value !== 'string' || second?.type !== 'MemberExpression') return;
    const object = second.object as Node;
    if (object.type === 'MetaProperty' && /\.(ts|mjs)$/.test(value)) {
      this.imports.push({ specifier: value, line });
    }
  }

  #noteMember(node: Node, line: number): void {
    const property = node.property as Node;
    if (node.computed === true || property.type !== 'Identifier') return;
    const object = node.object as Node;
    const member = `.${String(property.name)}`;
    this.uses.push({ name: member, line });
    if (object.type === 'Identifier') this.uses.push({ name: `${object.name}${member}`, line });
  }

  /** Notes the names that a pattern binds: `a`, `{ a, b: c }`, `[a, ...b]`, `a = 1`. */
  #declare(pattern: unknown): void {
    if (!isNode(pattern)) return;
    if (pattern.type === 'Identifier') this.declared.add(String(pattern.name));
    else if (pattern.type === 'TSTypeParameter') this.#declare(pattern.name);
    else {
      for (const key of ['left', 'argument', 'value', 'parameter']) this.#declare(pattern[key]);
      for (const key of ['properties', 'elements']) {
        const list = pattern[key];
        if (Array.isArray(list)) for (const each of list) this.#declare(each);
      }
    }
  }
}

/** True if the child `key` of `node` is a mere name there, not the use of a variable. */
function isNameOnly(node: Node, key: string): boolean {
  if (key === 'key' || key === 'property') return node.computed !== true;
  return key === 'label' || (node.type === 'TSQualifiedName' && key === 'right');
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

interface Place {
  readonly text: string;
  readonly comments: readonly Comment[];
  readonly lineAt: (offset: number) => number;
}

function exportsOf(statement: Node, place: Place): Export[] {
  const line = place.lineAt(statement.start);
  const source = statement.source;
  const from = isNode(source) ? { from: String(source.value) } : {};
  if (statement.type === 'ExportAllDeclaration') {
    const name = isNode(statement.exported) ? nameOf(statement.exported) : '*';
    return [{ name, sourceName: '*', line, documented: false, ...from }];
  }
  if (statement.type !== 'ExportNamedDeclaration') return [];
  const documented = hasDocstring(statement, place);
  const { declaration } = statement;
  if (isNode(declaration)) {
    const declarations = (declaration.declarations as Node[] | undefined) ?? [declaration];
    return declarations.map((each) => {
      const name = nameOf(each.id as Node);
      return { name, sourceName: name, line, documented };
    });
  }
  return (statement.specifiers as Node[]).map((specifier) => ({
    name: nameOf(specifier.exported as Node),
    sourceName: nameOf(specifier.local as Node),
    line: place.lineAt(specifier.start),
    documented: false,
    ...from,
  }));
}

/** The name of an identifier, or of a string in its place. */
function nameOf(node: Node): string {
  return String(node.name ?? node.value);
}

function hasDocstring(statement: Node, { text, comments }: Place): boolean {
  return comments.some(
    (comment) =>
      comment.type === 'Block' &&
      comment.value.startsWith('*') &&
      comment.end <= statement.start &&
      text.slice(comment.end, statement.start).trim() === '',
  );
}

function lineFinder(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
