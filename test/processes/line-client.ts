/** A client of the line protocol: one JSON object a line, over TCP. */
import { connect, type Socket } from 'node:net';

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

export class LineClient {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #next = 1;
  #rest = '';
  /** What was answered before `result` was asked for: streams. */
  readonly #streams = new Map<number, unknown[]>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.#received(bytes.toString()));
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const [id, settle] of this.#waiting) settle({ id, error: 'the connection is lost' });
      this.#waiting.clear();
    });
  }

  static connect(port: number): Promise<LineClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: 'localhost', port });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new LineClient(socket)));
    });
  }

  /** The result, or throws the error. */
  async call(method: string, params: object = {}): Promise<unknown> {
    const id = this.#next++;
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      this.send(`${JSON.stringify({ id, method, params })}\n`);
    });
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.result;
  }

  /** All results so far of a request that is answered again and again; the array grows. */
  stream(method: string): readonly unknown[] {
    const id = this.#next++;
    const results: unknown[] = [];
    this.#streams.set(id, results);
    this.send(`${JSON.stringify({ id, method })}\n`);
    return results;
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  close(): void {
    this.#socket.destroy();
  }

  #received(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const answer = JSON.parse(line) as Answer;
      const stream = this.#streams.get(answer.id);
      if (stream !== undefined) stream.push(answer.result);
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    }
  }
}
