/**
 * Commands of the key-value model, and their form in the Raft log. A command says who asked for it,
 * for the rules of access are looked up when it is applied. A put, by far the most common, is a byte
 * for its kind and flags, key, value, and a lease if there is one.
 *
 * Kinds from {@link foreignKinds} on belong to others who apply their own commands in the same log.
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { QuorateError } from '../base/errors.ts';
import type { Alarm, AlarmType } from './facts.ts';
import { leaseBytes, leaseId } from './layout.ts';
import {
  readOperation,
  readTransaction,
  writeOperation,
  writeTransaction,
} from './operation-code.ts';
import type {
  CompactRequest,
  DeleteRangeRequest,
  DeleteRangeResponse,
  LeaseGrantRequest,
  LeaseRevokeRequest,
  PutRequest,
  PutResponse,
  TxnRequest,
  TxnResponse,
} from './request.ts';

/** Writes down how much is left of leases, so that a new leader does not begin them anew. */
export interface LeaseCheckpointCommand {
  readonly type: 'lease-checkpoint';
  readonly leases: readonly { readonly id: bigint; readonly remainingSeconds: number }[];
}

/** Raises an alarm, or ends it. */
export interface AlarmCommand {
  readonly type: 'alarm';
  readonly action: 'activate' | 'deactivate';
  /** 0 … 2^64 − 1. */
  readonly memberId: bigint;
  readonly alarm: AlarmType;
}

/** Everything that changes the model. */
export type KvCommand =
  | PutRequest
  | DeleteRangeRequest
  | TxnRequest
  | CompactRequest
  | LeaseGrantRequest
  | LeaseRevokeRequest
  | LeaseCheckpointCommand
  | AlarmCommand;

/** What a command answers. `revision` is the latest one afterwards. */
export type KvOutcome =
  | PutResponse
  | DeleteRangeResponse
  | TxnResponse
  | { readonly type: 'compact'; readonly revision: number }
  | {
      readonly type: 'lease-grant';
      readonly revision: number;
      readonly id: bigint;
      readonly ttlSeconds: number;
    }
  | {
      readonly type: 'lease-revoke';
      readonly revision: number;
      /** Keys are left, and the lease: to be revoked again. */
      readonly remaining: boolean;
    }
  | { readonly type: 'lease-checkpoint'; readonly revision: number }
  | { readonly type: 'alarm'; readonly revision: number; readonly alarms: readonly Alarm[] };

/** Who asked for a command, and under which revision of the rules of access; nobody if undefined. */
export interface CommandCaller {
  readonly user: string;
  readonly revision: number;
}

/** A command with who asked for it. */
export interface CallerCommand {
  readonly caller: CommandCaller | undefined;
  readonly command: KvCommand;
}

const kinds = {
  put: 1,
  'delete-range': 2,
  txn: 3,
  compact: 4,
  'lease-grant': 5,
  'lease-revoke': 6,
  'lease-checkpoint': 7,
  alarm: 8,
} as const;

/** Kinds of commands that are not the model's, 32 … 127. */
export const foreignKinds = 32;

/** Set in the first byte of a command for which somebody asked. */
const callerFlag = 0x80;

const alarmTypes: readonly AlarmType[] = ['no-space', 'corrupt'];

/** The kind of an encoded command: below {@link foreignKinds} it is the model's. */
export function commandKind(bytes: Uint8Array): number {
  return (bytes[0] ?? 0) & ~callerFlag;
}

export function encodeCommand(command: KvCommand, caller?: CommandCaller): Uint8Array {
  const room = command.type === 'put' ? command.key.length + command.value.length + 32 : 128;
  const writer = new ByteWriter(room);
  writer.byte(kinds[command.type] | (caller === undefined ? 0 : callerFlag));
  if (caller !== undefined) {
    writer.bytes(new TextEncoder().encode(caller.user)).number(caller.revision);
  }
  switch (command.type) {
    case 'put':
    case 'delete-range':
      writeOperation(writer, command);
      break;
    case 'txn':
      writeTransaction(writer, command);
      break;
    case 'compact':
      writer.flag(command.revision < 0).number(Math.abs(command.revision));
      break;
    case 'lease-grant':
      writer.raw(leaseBytes(command.id)).number(command.ttlSeconds);
      break;
    case 'lease-revoke':
      writer.raw(leaseBytes(command.id));
      break;
    case 'lease-checkpoint':
      writer.number(command.leases.length);
      for (const { id, remainingSeconds } of command.leases) {
        writer.raw(leaseBytes(id)).number(remainingSeconds);
      }
      break;
    case 'alarm':
      writer.flag(command.action === 'activate').raw(leaseBytes(command.memberId));
      writer.byte(alarmTypes.indexOf(command.alarm));
      break;
  }
  return writer.finish();
}

/** @throws QuorateError `malformed-message` */
export function decodeCommand(bytes: Uint8Array): CallerCommand {
  const reader = new ByteReader(bytes);
  const first = reader.byte();
  const caller =
    (first & callerFlag) === 0
      ? undefined
      : { user: new TextDecoder().decode(reader.bytes()), revision: reader.number() };
  const command = decodeBody(first & ~callerFlag, reader);
  reader.end();
  return { caller, command };
}

function decodeBody(kind: number, reader: ByteReader): KvCommand {
  switch (kind) {
    case kinds.put:
    case kinds['delete-range']: {
      const operation = readOperation(reader);
      if (kinds[operation.type as 'put'] !== kind) throw malformed('holds another operation');
      return operation as PutRequest | DeleteRangeRequest;
    }
    case kinds.txn:
      return readTransaction(reader);
    case kinds.compact: {
      const negative = reader.flag();
      const revision = reader.number();
      return { type: 'compact', revision: negative ? -revision : revision };
    }
    case kinds['lease-grant']:
      return { type: 'lease-grant', id: leaseId(reader.raw(8)), ttlSeconds: reader.number() };
    case kinds['lease-revoke']:
      return { type: 'lease-revoke', id: leaseId(reader.raw(8)) };
    case kinds['lease-checkpoint']: {
      const count = reader.count(9);
      const leases = Array.from({ length: count }, () => ({
        id: leaseId(reader.raw(8)),
        remainingSeconds: reader.number(),
      }));
      return { type: 'lease-checkpoint', leases };
    }
    case kinds.alarm: {
      const action = reader.flag() ? 'activate' : 'deactivate';
      const memberId = BigInt.asUintN(64, leaseId(reader.raw(8)));
      const alarm = alarmTypes[reader.byte()];
      if (alarm === undefined) throw malformed('names an unknown alarm');
      return { type: 'alarm', action, memberId, alarm };
    }
    default:
      throw malformed(`has the unknown kind ${kind}`);
  }
}

function malformed(what: string): QuorateError {
  return new QuorateError('malformed-message', `a command ${what}`);
}
