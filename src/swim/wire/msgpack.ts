/**
 * The msgpack dialect of memberlist and Serf in both directions, for those who speak it elsewhere
 * (Serf's agent RPC is the same dialect).
 */
export { MsgpackReader, textOf } from './msgpack-reader.ts';
export { fieldName, MsgpackWriter } from './msgpack-writer.ts';
