/** The clients' wire: one JSON object a line, on the port that the members use as well. */
import { parse, stringify } from 'lossless-json';
import type { Stream } from 'quorate';

const lineBytesMax = 2 ** 20;
/** A client that does not read its answers or events is cut off. */
const unsentBytesMax = 8 * 2 ** 20;

export interface Request {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** Called when the client has gone. */
  onClosed(listener: () => void): void;
}

/** Answers a request; `more` sends further results of a stream. */
export type Handler = (request: Request, more: (result: unknown) => void) => Promise<unknown>;

/** Serves one client. A handler that answers undefined has said all there is by `more`. */
export function serve(stream: Stream, handle: Handler): void {
  const listeners: (() => void)[] = [];
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let rest = '';
  const send = (answer: object): void => {
    stream.write([encoder.encode(`${stringify(answer)}\n`)]);
    if (stream.bufferedBytes > unsentBytesMax) stream.destroy();
  };
  const answer = async (line: string): Promise<void> => {
    let id: unknown = null;
    try {
      const {
        method,
        params = {},
        ...envelope
      } = parse(line) as Partial<Request> & { id?: unknown };
      id = envelope.id ?? null;
      if (typeof method !== 'string') throw new Error('a request has a method');
      const onClosed = (listener: () => void) => void listeners.push(listener);
      const result = await handle({ method, params, onClosed }, (part) =>
        send({ id, result: part }),
      );
      if (result !== undefined) send({ id, result });
    } catch (error) {
      send({ id, error: (error as Error).message });
    }
  };
  stream.subscribe({
    received(bytes) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
      rest = lines.pop()!;
      if (rest.length > lineBytesMax) return stream.destroy();
      for (const line of lines) if (line.trim() !== '') void answer(line);
    },
    ended: () => stream.end(),
    closed() {
      for (const listener of listeners.splice(0)) listener();
    },
  });
}
