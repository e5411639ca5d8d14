/** TEMPORARY driver. */
import { QuorateError } from '../base/errors.ts';
import type { Event } from '../engine/event.ts';
import type { PeerEffect } from '../engine/peers/peer-event.ts';
import type { Address, Listener, Stream, Streams } from '../ports/streams.ts';
import type { MemberOptions } from './options.ts';

export type Service = (stream: Stream, first: Uint8Array) => void;

export class LinkDriver {
  readonly #streams: Streams;
  #listener: Listener | undefined;
  #dispatch: (event: Event) => void = () => {};
  readonly #live = new Map<number, Stream>();
  #nextAccepted = 2;

  constructor(init: { streams: Streams; tls: MemberOptions['tls'] }) {
    this.#streams = init.streams;
  }

  attach(dispatch: (event: Event) => void): void { this.#dispatch = dispatch; }

  get address(): Address { return this.#listener!.address; }

  listen(address: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#streams.listen({ address: split(address) }, {
        accepted: (stream) => {
          const link = this.#nextAccepted; this.#nextAccepted += 2;
          this.#take(link, stream);
          this.#dispatch({ type: 'link-accepted', link, certifiedNames: undefined });
        },
      }, (answer) => {
        if (answer instanceof QuorateError) reject(answer);
        else { this.#listener = answer; resolve(); }
      });
    });
  }

  perform(effect: PeerEffect): void {
    if (effect.type === 'dial') {
      this.#streams.connect({ address: split(effect.address), timeoutMs: 2000 }, (answer) => {
        if (answer instanceof QuorateError) this.#dispatch({ type: 'link-closed', link: effect.link, error: answer });
        else { this.#take(effect.link, answer); this.#dispatch({ type: 'link-connected', link: effect.link }); }
      });
    } else if (effect.type === 'write') {
      this.#live.get(effect.link)?.write(effect.buffers);
    } else if (effect.type === 'close') {
      this.#live.get(effect.link)?.end(); 
      const s = this.#live.get(effect.link); this.#live.delete(effect.link); setTimeout(() => s?.destroy(), 50).unref();
    }
  }

  #take(link: number, stream: Stream): void {
    this.#live.set(link, stream);
    stream.subscribe({
      received: (bytes) => this.#dispatch({ type: 'link-received', link, bytes }),
      ended: () => stream.end(),
      closed: (error) => { this.#live.delete(link); this.#dispatch({ type: 'link-closed', link, error }); },
    });
  }

  async close(): Promise<void> {
    this.#dispatch = () => {};
    for (const s of this.#live.values()) s.destroy();
    await new Promise<void>((resolve) => this.#listener === undefined ? resolve() : this.#listener.close(() => resolve()));
  }
}

function split(address: string): Address {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
}
