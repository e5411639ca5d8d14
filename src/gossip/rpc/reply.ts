/**
 * What Serf's agent RPC answers and streams, written to the wire: a header `{Error, Seq}` and for
 * most commands a body, each a msgpack map with Go's field names.
 */

import type { Member, MemberChange, Outcome } from '../../swim/api.ts';
import type { Coordinate } from '../../swim/coordinate.ts';
import { parseIp } from '../../swim/wire/ip.ts';
import { MsgpackWriter } from '../../swim/wire/msgpack-writer.ts';

/** What a client gets: the answer to its request, or a record of a stream that it opened. */
export type RpcBody =
  | { readonly type: 'members'; readonly members: readonly Member[] }
  | { readonly type: 'joined'; readonly count: number }
  | { readonly type: 'keys'; readonly outcome: KeysOutcome }
  | { readonly type: 'stats'; readonly stats: Stats }
  | { readonly type: 'coordinate'; readonly coordinate: Coordinate | undefined }
  | { readonly type: 'log'; readonly line: string }
  | {
      readonly type: 'member-event';
      readonly change: MemberChange;
      readonly members: readonly Member[];
    }
  | {
      readonly type: 'user-event';
      readonly lamportTime: number;
      readonly name: string;
      readonly payload: Uint8Array;
      readonly coalesce: boolean;
    }
  | {
      readonly type: 'query-event';
      readonly id: number;
      readonly lamportTime: number;
      readonly name: string;
      readonly payload: Uint8Array;
    }
  | { readonly type: 'query-ack'; readonly from: string }
  | { readonly type: 'query-response'; readonly from: string; readonly payload: Uint8Array }
  | { readonly type: 'query-done' };

/** What became of an operation on keys. */
export type KeysOutcome = Extract<Outcome, { type: 'keys' }>;

/** Figures by section and name, all in words, as `serf info` prints them. */
export type Stats = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** A header, followed by a body if there is one. */
export function encodeReply(seq: number, error: string, body?: RpcBody): Uint8Array {
  const writer = new MsgpackWriter();
  writer.map(2).string('Error').string(error).string('Seq').uint(seq);
  if (body !== undefined) writeBody(writer, body);
  return writer.finish();
}

function writeBody(writer: MsgpackWriter, body: RpcBody): void {
  switch (body.type) {
    case 'members':
      writer.map(1).string('Members');
      writeMembers(writer, body.members);
      break;
    case 'joined':
      writer.map(1).string('Num').uint(body.count);
      break;
    case 'keys':
      writeKeys(writer, body.outcome);
      break;
    case 'stats':
      writer.map(Object.keys(body.stats).length);
      for (const [section, facts] of Object.entries(body.stats)) {
        writer.string(section).map(Object.keys(facts).length);
        for (const [name, fact] of Object.entries(facts)) writer.string(name).string(fact);
      }
      break;
    case 'coordinate':
      writer.map(2).string('Coord');
      writeCoordinate(writer, body.coordinate);
      writer.string('Ok').boolean(body.coordinate !== undefined);
      break;
    case 'log':
      writer.map(1).string('Log').string(body.line);
      break;
    case 'member-event':
      writer.map(2).string('Event').string(`member-${body.change}`).string('Members');
      writeMembers(writer, body.members);
      break;
    case 'user-event':
      writer.map(5).string('Coalesce').boolean(body.coalesce).string('Event').string('user');
      writer.string('LTime').uint(body.lamportTime).string('Name').string(body.name);
      writer.string('Payload').raw(body.payload);
      break;
    case 'query-event':
      writer.map(5).string('Event').string('query').string('ID').uint(body.id);
      writer.string('LTime').uint(body.lamportTime).string('Name').string(body.name);
      writer.string('Payload').raw(body.payload);
      break;
    case 'query-ack':
      writeQueryRecord(writer, 'ack', body.from, undefined);
      break;
    case 'query-response':
      writeQueryRecord(writer, 'response', body.from, body.payload);
      break;
    case 'query-done':
      writeQueryRecord(writer, 'done', '', undefined);
      break;
  }
}

function writeQueryRecord(
  writer: MsgpackWriter,
  type: string,
  from: string,
  payload: Uint8Array | undefined,
): void {
  writer.map(3).string('From').string(from).string('Payload');
  if (payload === undefined) writer.nil();
  else writer.raw(payload);
  writer.string('Type').string(type);
}

function writeMembers(writer: MsgpackWriter, members: readonly Member[]): void {
  writer.array(members.length);
  for (const member of members) {
    const { versions } = member;
    writer
      .map(11)
      .string('Addr')
      .raw(parseIp(member.address.host) ?? new Uint8Array(0));
    writer.string('DelegateCur').uint(versions.delegateCurrent);
    writer.string('DelegateMax').uint(versions.delegateMax);
    writer.string('DelegateMin').uint(versions.delegateMin);
    writer.string('Name').string(member.name);
    writer.string('Port').uint(member.address.port);
    writer.string('ProtocolCur').uint(versions.protocolCurrent);
    writer.string('ProtocolMax').uint(versions.protocolMax);
    writer.string('ProtocolMin').uint(versions.protocolMin);
    writer.string('Status').string(member.status);
    writer.string('Tags').map(member.tags.size);
    for (const [name, tag] of member.tags) writer.string(name).string(tag);
  }
}

function writeKeys(writer: MsgpackWriter, outcome: KeysOutcome): void {
  writer.map(6).string('Keys').map(outcome.keys.size);
  for (const [key, members] of outcome.keys) writer.string(key).uint(members);
  writer.string('Messages').map(outcome.messages.size);
  for (const [member, message] of outcome.messages) writer.string(member).string(message);
  writer.string('NumErr').uint(outcome.errors);
  writer.string('NumNodes').uint(outcome.members);
  writer.string('NumResp').uint(outcome.responses);
  writer.string('PrimaryKeys').map(outcome.primaryKeys.size);
  for (const [key, members] of outcome.primaryKeys) writer.string(key).uint(members);
}

function writeCoordinate(writer: MsgpackWriter, coordinate: Coordinate | undefined): void {
  writer
    .map(4)
    .string('Adjustment')
    .float(coordinate?.adjustment ?? 0);
  writer.string('Error').float(coordinate?.error ?? 0);
  writer.string('Height').float(coordinate?.height ?? 0);
  writer.string('Vec').array(coordinate?.vector.length ?? 0);
  for (const length of coordinate?.vector ?? []) writer.float(length);
}
