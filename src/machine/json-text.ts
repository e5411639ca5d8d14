/**
 * Values as JSON for other programs. What JSON has stands as it is; all else is an object with one
 * field whose name begins with `$` and says what it is, so that nothing is lost or mistaken:
 *
 *     {"$bigint":"123"}  {"$bytes":"AQI="}  {"$date":"2026-11-21T08:00:00.000Z"}  {"$date":null}
 *     {"$number":"NaN"}  {"$undefined":true}  {"$map":[[key,value]]}  {"$set":[value]}
 *     {"$object":[[name,value]]}   an object that has a field whose name begins with $
 */
import { base64Of } from '../base/base64.ts';

/** @param value of a machine's state: anything that has a wire form */
export function jsonText(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return '{"$undefined":true}';
    case 'bigint':
      return `{"$bigint":"${value}"}`;
    case 'number': {
      if (Number.isFinite(value) && !Object.is(value, -0)) return JSON.stringify(value);
      return `{"$number":"${Object.is(value, -0) ? '-0' : value}"}`;
    }
    case 'object':
      return value === null ? 'null' : objectText(value);
    default:
      return JSON.stringify(value);
  }
}

function objectText(value: object): string {
  if (Array.isArray(value)) return listText(value);
  if (value instanceof Uint8Array) return `{"$bytes":"${base64Of(value)}"}`;
  if (value instanceof Date) return `{"$date":${JSON.stringify(value)}}`;
  if (value instanceof Map) return `{"$map":${pairsText([...value])}}`;
  if (value instanceof Set) return `{"$set":${listText([...value])}}`;
  const fields = Object.entries(value);
  if (fields.some(([name]) => name.startsWith('$'))) return `{"$object":${pairsText(fields)}}`;
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${jsonText(field)}`).join(',')}}`;
}

function listText(values: readonly unknown[]): string {
  return `[${Array.from(values, jsonText).join(',')}]`;
}

function pairsText(pairs: readonly (readonly [unknown, unknown])[]): string {
  return `[${pairs.map(([key, value]) => `[${jsonText(key)},${jsonText(value)}]`).join(',')}]`;
}
