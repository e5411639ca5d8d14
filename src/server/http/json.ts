/**
 * Messages as JSON, as etcd's gateway writes them: the names of the .proto files, zero values left
 * out, 64-bit numbers as strings, bytes as base64, enumerations by name. Read with more patience:
 * lowerCamelCase too, numbers as numbers, unknown fields passed over.
 */
import {
  type DescMessage,
  fromJson,
  type JsonValue,
  type MessageShape,
  toJson,
} from '@bufbuild/protobuf';
import { parse } from 'lossless-json';
import { QuorateError } from '../../base/errors.ts';

/** How deep JSON may be nested: transactions in transactions, with room to spare. */
const depthMax = 512;

/** JSON text of a message. */
export function messageToText<Message extends DescMessage>(
  schema: Message,
  message: MessageShape<Message>,
): string {
  return JSON.stringify(toJson(schema, message, { useProtoFieldName: true }));
}

/** A message from JSON; an empty text is an empty message. Throws `malformed-message`. */
export function messageFromText<Message extends DescMessage>(
  schema: Message,
  text: string,
): MessageShape<Message> {
  try {
    const json = text.trim() === '' ? {} : readJson(text);
    return fromJson(schema, json, { ignoreUnknownFields: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new QuorateError('malformed-message', reason, { cause: error });
  }
}

/** Whole numbers beyond 2^53 become strings, which is how protobuf's JSON wants to have them. */
function readJson(text: string): JsonValue {
  const numberOf = (digits: string): number | string => {
    const value = Number(digits);
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? digits : value;
  };
  if (depthOf(text) > depthMax) throw new Error(`nested more than ${depthMax} deep`);
  return parse(text, undefined, { parseNumber: numberOf }) as JsonValue;
}

/** The parsers recurse, and must not be led into the depths of the stack. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (quoted) {
      if (code === 0x5c) at++;
      else if (code === 0x22) quoted = false;
    } else if (code === 0x22) quoted = true;
    else if (code === 0x7b || code === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x7d || code === 0x5d) depth--;
  }
  return deepest;
}
