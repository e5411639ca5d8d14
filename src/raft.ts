/**
 * The door to the core: Raft as a pure function, for hosts that bring their own disk, network and
 * clock. Applications want the package's main door instead.
 */
export { AssertionError } from './base/assert.ts';
export { ByteReader, ByteWriter } from './base/binary.ts';
export { type ErrorCode, QuorateError } from './base/errors.ts';
export { SeededRandom } from './base/seeded-random.ts';
export type { Random } from './ports/random.ts';
export {
  type ChangeStep,
  type ConfigurationChange,
  type ConfigurationState,
  emptyConfiguration,
  type Transition,
} from './raft/configuration.ts';
export type {
  Entry,
  EntryType,
  HardState,
  MemberId,
  Position,
  Proposal,
  Snapshot,
} from './raft/entry.ts';
export type { Appended, AppendTask, Applied, ApplyTask, Input, LocalInput } from './raft/input.ts';
export { MemoryStorage } from './raft/memory-storage.ts';
export type { Message, MessageType } from './raft/message.ts';
export type { RaftOptions } from './raft/options.ts';
export type { Proposed, Refusal } from './raft/proposals.ts';
export { Raft } from './raft/raft.ts';
export type { ReadState, Ready, Role, SoftState } from './raft/ready.ts';
export type { MemberProgress, Status } from './raft/status.ts';
export type { LogStorage } from './raft/storage.ts';
export { decodeChange, encodeChange } from './raft/wire/change.ts';
export { decodeEntries, encodeEntries } from './raft/wire/entry.ts';
export {
  decodeMessage,
  encodeMessage,
  MessageWriter,
  readMessage,
} from './raft/wire/message.ts';
export {
  decodeSnapshotHead,
  encodeSnapshotHead,
  type SnapshotHead,
} from './raft/wire/snapshot.ts';
