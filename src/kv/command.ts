/**
 * The commands that the key-value machine takes, as they lie in the log: who asks, and what. Who
 * asks is checked again when a command is applied, because the rules may have changed meanwhile.
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { QuorateError } from '../base/errors.ts';
import type { AuthCommand, AuthIdentity } from '../mvcc/auth-store.ts';
import type { TxnOperation } from '../mvcc/request.ts';
import type { AlarmType } from './api.ts';
import type { ClusterCommand } from './cluster-table.ts';
import { decodeInt64, decodeOperation, encodeInt64, encodeOperation } from './request-codec.ts';

/** What is to be done. `tidy` and `checkpoint` come from the leader itself. */
export type Command =
  | TxnOperation
  | { readonly type: 'compact'; readonly revision: number }
  | { readonly type: 'lease-grant'; readonly id: bigint; readonly ttlSeconds: number }
  | {
      readonly type: 'lease-revoke';
      readonly id: bigint;
      /** Not by a user: its time was up. */
      readonly expired: boolean;
    }
  /** How long leases still have, so that the next leader need not give them all their time anew. */
  | {
      readonly type: 'lease-checkpoint';
      readonly leases: readonly { readonly id: bigint; readonly remainingSeconds: number }[];
    }
  /** Goes on with what was begun: a large lease's revocation, a compaction. */
  | { readonly type: 'tidy' }
  | {
      readonly type: 'alarm';
      readonly action: 'activate' | 'deactivate';
      /** 0n with `deactivate`: of all members. */
      readonly memberId: bigint;
      readonly alarm: AlarmType;
    }
  /** A user has proven who it is: every member learns the token. */
  | {
      readonly type: 'token';
      readonly user: string;
      readonly secret: string;
      /** The password hash that was proven: the token is only given if it still holds. */
      readonly passwordHash: Uint8Array;
    }
  | { readonly type: 'auth'; readonly command: AuthCommand }
  | { readonly type: 'cluster'; readonly command: ClusterCommand };

export interface IdentifiedCommand {
  /** Undefined: nobody, or the members themselves for what only they propose. */
  readonly identity: AuthIdentity | undefined;
  readonly command: Command;
}

// Positions are the numbers in the log: only ever append.
const kinds = [
  'operation',
  'compact',
  'lease-grant',
  'lease-revoke',
  'lease-checkpoint',
  'tidy',
  'alarm',
  'token',
  'auth',
  'cluster',
] as const;
type Kind = (typeof kinds)[number];

export function encodeCommand(
  command: Command,
  identity: AuthIdentity | undefined = undefined,
): Uint8Array {
  const writer = new ByteWriter(64);
  const kind = kindOf(command);
  writer.byte(kinds.indexOf(kind) * 2 + (identity === undefined ? 0 : 1));
  if (identity !== undefined) text(writer, identity.user).number(identity.revision);
  switch (command.type) {
    case 'range':
    case 'put':
    case 'delete-range':
    case 'txn':
      encodeOperation(writer, command);
      break;
    case 'compact':
      writer.number(command.revision);
      break;
    case 'lease-grant':
      encodeInt64(writer, command.id);
      writer.number(command.ttlSeconds);
      break;
    case 'lease-revoke':
      encodeInt64(writer, command.id);
      writer.flag(command.expired);
      break;
    case 'lease-checkpoint':
      writer.number(command.leases.length);
      for (const { id, remainingSeconds } of command.leases) {
        encodeInt64(writer, id);
        writer.number(remainingSeconds);
      }
      break;
    case 'tidy':
      break;
    case 'alarm':
      writer.flag(command.action === 'activate');
      encodeInt64(writer, BigInt.asIntN(64, command.memberId));
      writer.flag(command.alarm === 'corrupt');
      break;
    case 'token':
      text(text(writer, command.user), command.secret).bytes(command.passwordHash);
      break;
    case 'auth':
      text(writer, toJson(command.command));
      break;
    case 'cluster':
      text(writer, toJson(command.command));
  }
  return writer.finish();
}

/** @throws QuorateError `malformed-message` */
export function decodeCommand(bytes: Uint8Array): IdentifiedCommand {
  const reader = new ByteReader(bytes);
  const head = reader.byte();
  const kind = kinds[head >> 1];
  const identity =
    (head & 1) === 1 ? { user: readText(reader), revision: reader.number() } : undefined;
  if (kind === undefined) {
    throw new QuorateError('malformed-message', 'a command of an unknown kind');
  }
  return { identity, command: decodeBody(reader, kind) };
}

function kindOf({ type }: Command): Kind {
  if (type === 'range' || type === 'put' || type === 'delete-range' || type === 'txn') {
    return 'operation';
  }
  return type;
}

function decodeBody(reader: ByteReader, kind: Kind): Command {
  switch (kind) {
    case 'operation':
      return decodeOperation(reader);
    case 'compact':
      return { type: 'compact', revision: reader.number() };
    case 'lease-grant':
      return { type: 'lease-grant', id: decodeInt64(reader), ttlSeconds: reader.number() };
    case 'lease-revoke':
      return { type: 'lease-revoke', id: decodeInt64(reader), expired: reader.flag() };
    case 'lease-checkpoint': {
      const leases = Array.from({ length: reader.count(9) }, () => {
        const id = decodeInt64(reader);
        return { id, remainingSeconds: reader.number() };
      });
      return { type: 'lease-checkpoint', leases };
    }
    case 'tidy':
      return { type: 'tidy' };
    case 'alarm': {
      const action = reader.flag() ? 'activate' : 'deactivate';
      const memberId = BigInt.asUintN(64, decodeInt64(reader));
      return { type: 'alarm', action, memberId, alarm: reader.flag() ? 'corrupt' : 'no-space' };
    }
    case 'token': {
      const user = readText(reader);
      const secret = readText(reader);
      return { type: 'token', user, secret, passwordHash: reader.bytes().slice() };
    }
    case 'auth':
      return { type: 'auth', command: fromJson(readText(reader)) as AuthCommand };
    case 'cluster':
      return { type: 'cluster', command: fromJson(readText(reader)) as ClusterCommand };
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
