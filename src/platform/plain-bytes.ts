/**
 * Node's functions give Buffers. They pass for a Uint8Array and are none where it matters: `slice`
 * of a Buffer shares its memory, that of a Uint8Array copies. So none leaves the platform.
 */
export function plainBytes(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
