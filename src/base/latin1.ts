/** Bytes as a string of as many characters (ISO 8859-1), as keys of tables. */

/**
 * The characters with these bytes as their codes. Eight at a time: spreading an array into
 * arguments costs an object for each element, and letter by letter makes a string for each letter.
 */
export function latin1(bytes: Uint8Array, from = 0, to = bytes.length): string {
  let text = '';
  let at = from;
  for (; at + 8 <= to; at += 8) {
    text += String.fromCharCode(
      bytes[at]!,
      bytes[at + 1]!,
      bytes[at + 2]!,
      bytes[at + 3]!,
      bytes[at + 4]!,
      bytes[at + 5]!,
      bytes[at + 6]!,
      bytes[at + 7]!,
    );
  }
  for (; at < to; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}
