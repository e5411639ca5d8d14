/** Bytes as base64 (RFC 4648, section 4), where a platform's own way is out of reach. */

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** With padding. */
export function base64Of(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const three = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += digits[three >> 18]! + digits[(three >> 12) & 63]!;
    text += left > 1 ? digits[(three >> 6) & 63]! : '=';
    text += left > 2 ? digits[three & 63]! : '=';
  }
  return text;
}
