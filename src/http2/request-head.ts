/**
 * What the header fields of a request say, or that they say nothing: RFC 9113, section 8, calls a
 * request malformed whose fields break these rules, and has its stream ended.
 */
import type { HttpRequest } from '../ports/http.ts';
import { connectionFields } from './field-encoder.ts';
import type { Field } from './static-table.ts';

/** A request's head, and how long its body is said to be; −1 if it is not said. */
export interface RequestHead {
  readonly request: HttpRequest;
  readonly bodyBytes: number;
}

const pseudoFields: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path']);
/** A token, RFC 9110, section 5.6.2, without upper case. */
const nameRule = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const valueRule = /[\0\r\n]|^[ \t]|[ \t]$/;

/** Undefined where the fields make no request. */
export function requestHead(fields: readonly Field[]): RequestHead | undefined {
  const headers: Record<string, string> = {};
  let pseudo = true;
  for (const { name, value } of fields) {
    if (!isSound(name, value)) return undefined;
    if (name.startsWith(':')) {
      // They come before all others, and once.
      if (!pseudo || !pseudoFields.has(name) || headers[name] !== undefined) return undefined;
    } else pseudo = false;
    if (Object.hasOwn(headers, name)) headers[name] += (name === 'cookie' ? '; ' : ', ') + value;
    else define(headers, name, value);
  }
  const {
    ':method': method,
    ':scheme': scheme,
    ':path': path = '',
    ':authority': authority,
  } = headers;
  if (method === undefined || scheme === undefined || !path.startsWith('/')) return undefined;
  const length = headers['content-length'];
  if (length !== undefined && !/^\d{1,15}$/.test(length)) return undefined;
  return {
    request: { version: 2, method, path, authority: authority ?? headers.host ?? '', headers },
    bodyBytes: length === undefined ? -1 : Number(length),
  };
}

/** Whether these may stand behind a body. Nobody here asks what they say. */
export function areTrailers(fields: readonly Field[]): boolean {
  return fields.every(({ name, value }) => !name.startsWith(':') && isSound(name, value));
}

function isSound(name: string, value: string): boolean {
  if (!nameRule.test(name) || valueRule.test(value) || connectionFields.has(name)) return false;
  return name !== 'te' || value === 'trailers';
}

/** As a property of its own, whatever its name. */
function define(headers: Record<string, string>, name: string, value: string): void {
  if (name !== '__proto__') headers[name] = value;
  else
    Object.defineProperty(headers, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
}
