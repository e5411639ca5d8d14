/**
 * Who may talk HTTP to this server, and which page answers. Against pages in a browser
 * (reliability.md, security 11): the host that a request names must be this machine, an address, or
 * a name that is known, so that a foreign name that resolves here gets nowhere (DNS rebinding); a
 * request that says it comes from a foreign page is refused; no answer allows other origins, and
 * there are no cookies.
 */
import type { HttpExchange, HttpHeaders } from '../../ports/http.ts';
import { isLoopback } from '../settings/urls.ts';

/** Whom requests may be meant for, and come from. */
export interface FrontRules {
  /** Names beside loopback and addresses; `*` allows all. */
  readonly hostNames: readonly string[];
  /** Origins of pages that may send requests; `*` allows all. */
  readonly origins: readonly string[];
}

/** Why a request must not be answered; undefined if it may be. */
export function refusalOf({ request }: HttpExchange, rules: FrontRules): string | undefined {
  const { headers, authority, version } = request;
  const origin = single(headers.origin);
  if (origin !== undefined && !isKnownOrigin(origin, authority, rules)) {
    return `requests of pages of ${origin} are not answered`;
  }
  if (origin === undefined && single(headers['sec-fetch-site']) === 'cross-site') {
    return "requests of other sites' pages are not answered";
  }
  // gRPC's clients name whatever they like, and no page can pass for one.
  if (version === 2 && single(headers['content-type'])?.startsWith('application/grpc')) return;
  const host = hostOf(authority);
  if (host === undefined || !isKnownHost(host, rules))
    return `"${authority}" is no name of this server`;
  return undefined;
}

function isKnownOrigin(origin: string, authority: string, rules: FrontRules): boolean {
  if (rules.origins.includes('*') || rules.origins.includes(origin)) return true;
  // A page that this server gave out itself.
  const match = /^https?:\/\/(.+)$/.exec(origin);
  if (match === null || match[1] !== authority) return false;
  const host = hostOf(authority);
  return host !== undefined && isKnownHost(host, rules);
}

function isKnownHost(host: string, { hostNames }: FrontRules): boolean {
  return isLoopback(host) || isAddress(host) || hostNames.includes('*') || hostNames.includes(host);
}

function isAddress(host: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(host) || /^[0-9a-f:.]*:[0-9a-f:.]*(%\w+)?$/i.test(host);
}

/** The host of `host:port`, in lower case, without brackets. */
function hostOf(authority: string): string | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(authority);
  return (match?.[1] ?? match?.[2])?.toLowerCase().replace(/\.$/, '');
}

function single(value: HttpHeaders[string]): string | undefined {
  return typeof value === 'string' ? value : value?.join(', ');
}

/** Fields of every answer that is not gRPC. */
export const answerHeaders = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const;

const encoder = new TextEncoder();

/** A body that nobody wants is read so far, so that its client hears the answer behind it. */
const unwantedBytesMax = 65_536;

/** Answers a request whose body says nothing: once it is whole, and so known to be a sound one. */
export function answerWhenWhole(exchange: HttpExchange, answer: () => void): void {
  let bytes = 0;
  let answered = false;
  const once = (): void => {
    if (!answered) answer();
    answered = true;
  };
  exchange.subscribe({
    received(part) {
      bytes += part.length;
      if (bytes > unwantedBytesMax) once();
    },
    ended: once,
    closed() {
      answered = true;
    },
  });
}

/** Answers with a text. */
export function answerText(
  exchange: HttpExchange,
  status: number,
  answer: { readonly text: string; readonly type?: string; readonly headers?: HttpHeaders },
): void {
  const { text, type = 'text/plain; charset=utf-8', headers = {} } = answer;
  const body = encoder.encode(text);
  exchange.respond(status, {
    ...answerHeaders,
    'content-type': type,
    ...(status === 204 ? {} : { 'content-length': String(body.length) }),
    ...headers,
  });
  if (body.length > 0 && exchange.request.method !== 'HEAD') exchange.write(body);
  exchange.end();
}
