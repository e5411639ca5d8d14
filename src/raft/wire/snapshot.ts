/**
 * What is to be known of a snapshot without its state: position and configuration.
 *
 *     version byte · term · index · configuration
 *     configuration: four lists (count · member…) · automatic leave
 *
 * It travels in messages and stands in files, so it says its version. The lists are voters,
 * outgoing voters, learners and learners to be; whether they make sense `check-input.ts` says.
 */
import { ByteReader, ByteWriter } from '../../base/binary.ts';
import { QuorateError } from '../../base/errors.ts';
import type { ConfigurationState } from '../configuration.ts';
import type { MemberId, Snapshot } from '../entry.ts';

const VERSION = 1;

/** A snapshot without its state. */
export type SnapshotHead = Omit<Snapshot, 'data'>;

export function writeSnapshotHead(writer: ByteWriter, head: SnapshotHead): void {
  writer.byte(VERSION).number(head.term).number(head.index);
  writeConfiguration(writer, head.configuration);
}

export function readSnapshotHead(reader: ByteReader): SnapshotHead {
  const version = reader.byte();
  if (version !== VERSION) {
    throw new QuorateError('malformed-message', `snapshot version ${version} is not known`);
  }
  const term = reader.number();
  const index = reader.number();
  return { term, index, configuration: readConfiguration(reader) };
}

/** The bytes of a snapshot's head, for a file. */
export function encodeSnapshotHead(head: SnapshotHead): Uint8Array {
  const writer = new ByteWriter(64);
  writeSnapshotHead(writer, head);
  return writer.finish();
}

/** @throws QuorateError `malformed-message` */
export function decodeSnapshotHead(bytes: Uint8Array): SnapshotHead {
  const reader = new ByteReader(bytes);
  const head = readSnapshotHead(reader);
  reader.end();
  return head;
}

function writeConfiguration(writer: ByteWriter, configuration: ConfigurationState): void {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  for (const members of [voters, votersOutgoing, learners, learnersNext]) {
    writer.number(members.length);
    for (const member of members) writer.number(member);
  }
  writer.flag(autoLeave);
}

function readConfiguration(reader: ByteReader): ConfigurationState {
  return {
    voters: readMembers(reader),
    votersOutgoing: readMembers(reader),
    learners: readMembers(reader),
    learnersNext: readMembers(reader),
    autoLeave: reader.flag(),
  };
}

function readMembers(reader: ByteReader): MemberId[] {
  const members: MemberId[] = [];
  for (let left = reader.count(1); left > 0; left--) members.push(reader.number());
  return members;
}
