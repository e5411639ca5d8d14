/**
 * The commands that the key-value machine takes beside the model's own: tokens, the rules of access,
 * and the members' URLs. They share the log with the model's, whose first byte tells them apart.
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { QuorateError } from '../base/errors.ts';
import type { AuthCommand, AuthIdentity } from '../mvcc/auth-store.ts';
import {
  commandKind,
  decodeCommand as decodeModelCommand,
  encodeCommand as encodeModelCommand,
  foreignKinds,
  type KvCommand,
} from '../mvcc/command.ts';
import type { ClusterCommand } from './cluster-table.ts';

/** A user has proven who it is: every member learns the token. */
export interface TokenCommand {
  readonly type: 'token';
  readonly user: string;
  readonly secret: string;
  /** The password hash that was proven: the token is only given if it still holds. */
  readonly passwordHash: Uint8Array;
}

export type Command =
  | KvCommand
  | TokenCommand
  | { readonly type: 'auth'; readonly command: AuthCommand }
  | { readonly type: 'cluster'; readonly command: ClusterCommand };

export interface IdentifiedCommand {
  /** Undefined: nobody, or the members themselves for what only they propose. */
  readonly identity: AuthIdentity | undefined;
  readonly command: Command;
}

const kinds = { token: foreignKinds, auth: foreignKinds + 1, cluster: foreignKinds + 2 } as const;
/** As in the model's commands: somebody asked for it. */
const identityFlag = 0x80;

export function encodeCommand(command: Command, identity: AuthIdentity | undefined): Uint8Array {
  if (command.type !== 'token' && command.type !== 'auth' && command.type !== 'cluster') {
    return encodeModelCommand(command, identity);
  }
  const writer = new ByteWriter(256);
  writer.byte(kinds[command.type] | (identity === undefined ? 0 : identityFlag));
  if (identity !== undefined) text(writer, identity.user).number(identity.revision);
  if (command.type === 'token') {
    text(text(writer, command.user), command.secret).bytes(command.passwordHash);
  } else text(writer, toJson(command.command));
  return writer.finish();
}

/** @throws QuorateError `malformed-message` */
export function decodeCommand(bytes: Uint8Array): IdentifiedCommand {
  const kind = commandKind(bytes);
  if (kind < foreignKinds) {
    const { caller, command } = decodeModelCommand(bytes);
    return { identity: caller, command };
  }
  const reader = new ByteReader(bytes);
  const first = reader.byte();
  const identity =
    (first & identityFlag) === 0
      ? undefined
      : { user: readText(reader), revision: reader.number() };
  return { identity, command: decodeForeign(kind, reader) };
}

function decodeForeign(kind: number, reader: ByteReader): Command {
  switch (kind) {
    case kinds.token: {
      const user = readText(reader);
      const secret = readText(reader);
      return { type: 'token', user, secret, passwordHash: reader.bytes().slice() };
    }
    case kinds.auth:
      return { type: 'auth', command: fromJson(readText(reader)) as AuthCommand };
    case kinds.cluster:
      return { type: 'cluster', command: fromJson(readText(reader)) as ClusterCommand };
    default:
      throw new QuorateError('malformed-message', `a command of the unknown kind ${kind}`);
  }
}

function text(writer: ByteWriter, value: string): ByteWriter {
  return writer.bytes(new TextEncoder().encode(value));
}

function readText(reader: ByteReader): string {
  return new TextDecoder().decode(reader.bytes());
}

/** Rules and members change rarely: they are JSON, which people can read in a dump. */
function toJson(command: AuthCommand | ClusterCommand): string {
  return JSON.stringify(command, (_, value: unknown) => {
    if (value instanceof Uint8Array) return { bytes: [...value] };
    if (typeof value === 'bigint') return { bigint: String(value) };
    return value;
  });
}

function fromJson(json: string): unknown {
  return JSON.parse(json, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value;
    if ('bytes' in value && Array.isArray(value.bytes)) return Uint8Array.from(value.bytes);
    if ('bigint' in value && typeof value.bigint === 'string') return BigInt(value.bigint);
    return value;
  });
}
