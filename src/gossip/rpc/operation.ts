/**
 * Requests of Serf's agent RPC that take their time: joining, leaving, keys.
 */
import { QuorateError } from '../../base/errors.ts';
import type { KeyOperation } from '../../swim/api.ts';
import type { RpcAgent } from './agent.ts';
import type { KeysOutcome, RpcBody } from './reply.ts';
import type { RpcRequest } from './request.ts';

type KeyRequest = Extract<
  RpcRequest,
  { command: 'install-key' | 'use-key' | 'remove-key' | 'list-keys' }
>;

/** A request that is not answered at once. */
export type LongRequest =
  | KeyRequest
  | Extract<RpcRequest, { command: 'join' | 'force-leave' | 'leave' }>;

/** What to answer: an error, empty if there is none, and a body where clients expect one. */
export interface LongReply {
  readonly error: string;
  readonly body?: RpcBody;
}

/** Carries out `request`; never rejects. Errors too come with a body where clients expect one. */
export async function operate(agent: RpcAgent, request: LongRequest): Promise<LongReply> {
  switch (request.command) {
    case 'join':
      return attempt({ type: 'joined', count: 0 }, async () => {
        const count = await agent.join(request.existing, !request.replay);
        return { error: '', body: { type: 'joined', count } };
      });
    case 'force-leave':
      return attempt(undefined, async () => {
        await agent.forceLeave(request.node, request.prune);
        return { error: '' };
      });
    case 'leave':
      return attempt(undefined, async () => {
        await agent.leave();
        return { error: '' };
      });
    default:
      return attempt({ type: 'keys', outcome: noKeys }, async () => {
        const outcome = await agent.keys(keyOperation(request));
        return { error: failureOf(outcome), body: { type: 'keys', outcome } };
      });
  }
}

async function attempt(
  bodyOnError: RpcBody | undefined,
  action: () => Promise<LongReply>,
): Promise<LongReply> {
  try {
    return await action();
  } catch (cause) {
    const error = messageOf(cause);
    return bodyOnError === undefined ? { error } : { error, body: bodyOnError };
  }
}

const noKeys: KeysOutcome = {
  type: 'keys',
  members: 0,
  responses: 0,
  errors: 0,
  messages: new Map(),
  keys: new Map(),
  primaryKeys: new Map(),
};

function keyOperation(
  request: Extract<RpcRequest, { command: 'install-key' | 'use-key' | 'remove-key' | 'list-keys' }>,
): KeyOperation {
  if (request.command === 'list-keys') return { kind: 'list' };
  const kinds = { 'install-key': 'install', 'use-key': 'use', 'remove-key': 'remove' } as const;
  return { kind: kinds[request.command], key: decodeBase64(request.key) };
}

/** The bytes of a key. Throws `invalid-config` unless they are 16, 24 or 32 in base64. */
export function decodeBase64(text: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(text);
  } catch (cause) {
    throw new QuorateError('invalid-config', 'a key must be given in base64', { cause });
  }
  if (![16, 24, 32].includes(binary.length)) {
    throw new QuorateError('invalid-config', 'a key must have 16, 24 or 32 bytes');
  }
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function failureOf(outcome: KeysOutcome): string {
  if (outcome.errors > 0) return `${outcome.errors}/${outcome.members} nodes reported failure`;
  if (outcome.responses < outcome.members) {
    return `${outcome.responses}/${outcome.members} nodes reported success`;
  }
  return '';
}

/** What an error says, for the other end of a wire. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
