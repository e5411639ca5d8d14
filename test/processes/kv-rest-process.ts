/** A member of systems/kv-rest in a process of its own, from what was built. */
import { Program } from './program.ts';

const script = 'dist/systems/kv-rest/main.js';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** What `GET /mgmt/nodes` says of a member. */
export interface Node {
  readonly ID: string;
  readonly Address: string;
  readonly API: string;
  readonly Role: string;
  readonly Leader: boolean;
}

/** Sends what curl would, and says what came back. */
export async function request(url: string, method = 'GET', body?: unknown): Promise<Answer> {
  // The content type that curl sends, which is not JSON's.
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const init = { method, headers, signal: AbortSignal.timeout(8000) };
  const response = await fetch(url, body === undefined ? init : { ...init, body: text });
  return { status: response.status, text: await response.text() };
}

export class KvRestProcess extends Program {
  readonly url: string;

  constructor(api: string, args: readonly string[]) {
    super(`http://${api}`, script, args);
    this.url = `http://${api}`;
  }

  request(pathName: string, method = 'GET', body?: unknown): Promise<Answer> {
    return request(this.url + pathName, method, body);
  }

  put(key: string, value: string): Promise<Answer> {
    return this.request('/', 'PUT', { Key: key, Value: value });
  }

  async get(key: string): Promise<string> {
    return (await this.request(`/${key}`)).text;
  }

  async nodes(): Promise<Node[]> {
    return JSON.parse((await this.request('/mgmt/nodes')).text) as Node[];
  }
}
