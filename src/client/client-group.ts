/** A group as a process that is no member sees it: no state here, all is asked of the members. */
import { QuorateError } from '../base/errors.ts';
import { decodeOutcome } from '../engine/answer-codec.ts';
import type { SessionMark } from '../engine/envelope.ts';
import type { Machine, Outcome } from '../engine/machine.ts';
import { callsFor, encodeCommand, encodeQuery } from '../machine/call-wire.ts';
import type { CommandCalls, QueryCalls } from '../machine/calls.ts';
import type { AnyDefinition } from '../machine/definition.ts';
import { decodeOutcome as decodeTypedOutcome } from '../machine/outcome-wire.ts';
import { type ProposeOptions, sessionOf } from '../member/group.ts';
import type { RequestOptions } from '../member/requests.ts';
import type { QueryOptions } from '../member/typed-group.ts';
import type { ClientRequests, Request } from './requests.ts';
import { ClientSession } from './session.ts';

/** How a client proposes; without a session of the caller's it takes one of its own. */
export type ClientProposeOptions = Omit<ProposeOptions, 'requiredTerm'>;

/** What a group needs of its client. */
export interface ClientGroupHost {
  readonly requests: ClientRequests;
  /** A name that no other client has. */
  newClientName(): string;
}

/** A group, as a client reaches it. Made by `Client.group`. */
export class ClientGroup {
  readonly name: string;
  readonly #host: ClientGroupHost;
  readonly #decode: (bytes: Uint8Array) => Outcome;
  #session: ClientSession;

  constructor(
    name: string,
    host: ClientGroupHost,
    { decodeOutcome: decode = decodeOutcome }: Pick<Machine, 'decodeOutcome'>,
  ) {
    this.name = name;
    this.#host = host;
    this.#decode = decode;
    this.#session = new ClientSession(host.newClientName());
  }

  /**
   * Has a command replicated and applied. It is sent again, to one member after the other, after
   * lost connections and changes of leader, and takes effect once. Commands that are on their way at
   * the same time may take effect in any order.
   *
   * @returns the machine's answer
   * @throws QuorateError the machine's own refusal; `timeout`, `aborted` and `closing`, with
   *   `maybeApplied` where the command may take effect all the same; `session-expired` and
   *   `answer-not-kept`, where it has but the answer is not known; `wrong-secret`, `over-quota`,
   *   `unknown-group`
   */
  propose(command: Uint8Array, options: ClientProposeOptions = {}): Promise<unknown> {
    const given = sessionOf(options);
    const bytes = command.slice();
    return this.#host.requests.run(options, async (request) => {
      if (given !== undefined) return this.#ask(request, bytes, given);
      for (;;) {
        const { session, mark } = await this.#enter(request);
        let answered = false;
        try {
          const answer = await this.#ask(request, bytes, mark, () => {
            answered = true;
          });
          return answer;
        } catch (error) {
          // It was sent once, and refused: it has no effect, and may begin anew.
          const isExpired = error instanceof QuorateError && error.code === 'session-expired';
          if (answered || !isExpired) throw error;
          session.giveUp();
          if (request.attempts > 1) throw error;
        } finally {
          session.leave(mark, answered);
        }
      }
    });
  }

  /**
   * Asks the machine, which must have a `query`: linearizably, unless said otherwise.
   *
   * @returns its answer
   * @throws QuorateError the machine's own refusal; `timeout`, `aborted`, `closing`,
   *   `unknown-group`, `unknown-command`, `wrong-secret`, `over-quota`
   */
  query(question: Uint8Array, options: QueryOptions = {}): Promise<unknown> {
    const call = {
      group: this.name,
      bytes: question.slice(),
      local: options.consistency === 'local',
    };
    return this.#host.requests.run(options, async (request) =>
      this.#value(await request.ask('query', call)),
    );
  }

  /**
   * Asks what the group's leader has set to answer with `Group.onLeaderCall`.
   * @throws QuorateError as {@link query}; not sent again where it may have been heard
   */
  callLeader(payload: Uint8Array, options: RequestOptions = {}): Promise<Uint8Array> {
    const call = { group: this.name, bytes: payload.slice() };
    return this.#host.requests.run(options, (request) => request.ask('leader', call));
  }

  async #enter(request: Request): Promise<{ session: ClientSession; mark: SessionMark }> {
    for (;;) {
      if (this.#session.isOver) this.#session = new ClientSession(this.#host.newClientName());
      const session = this.#session;
      const mark = session.enter();
      if (mark !== undefined) return { session, mark };
      await request.within(session.changed());
    }
  }

  async #ask(
    request: Request,
    bytes: Uint8Array,
    session: SessionMark,
    answered?: () => void,
  ): Promise<unknown> {
    const answer = await request.ask('propose', { group: this.name, bytes, session });
    answered?.();
    return this.#value(answer);
  }

  #value(bytes: Uint8Array): unknown {
    const outcome = this.#decode(bytes);
    if (outcome.ok) return outcome.value;
    throw outcome.error;
  }
}

/** A group of a typed machine, as a client reaches it: the calls of its definition. */
export class TypedClientGroup<Definition extends AnyDefinition> extends ClientGroup {
  /** A call for each command, answered once it has taken effect: once, however often it is sent. */
  readonly commands: CommandCalls<Definition, ClientProposeOptions>;
  /** A call for each query: linearizable, unless said otherwise. */
  readonly queries: QueryCalls<Definition, QueryOptions>;

  constructor(name: string, host: ClientGroupHost, definition: Definition) {
    super(name, host, { decodeOutcome: decodeTypedOutcome });
    this.commands = callsFor(definition.commands.keys(), async (command, input, options) => {
      const encoded = await encodeCommand(definition, command, input);
      return this.propose(encoded, options as ClientProposeOptions | undefined);
    }) as CommandCalls<Definition, ClientProposeOptions>;
    this.queries = callsFor(definition.queries.keys(), async (query, input, options) =>
      this.query(encodeQuery(definition, query, input), options as QueryOptions | undefined),
    ) as QueryCalls<Definition, QueryOptions>;
  }
}
