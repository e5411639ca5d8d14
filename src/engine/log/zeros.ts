/** Overwriting a stretch of a file with zeros, durably, without a large buffer. */
import type { DiskTask } from './disk-operation.ts';

const pieceBytes = 2 ** 20;

export function zeroTasks(path: string, from: number, to: number): DiskTask[] {
  if (from >= to) return [];
  const zeros = new Uint8Array(Math.min(pieceBytes, to - from));
  const tasks: DiskTask[] = [];
  for (let position = from; position < to; position += pieceBytes) {
    const buffers = [zeros.subarray(0, Math.min(pieceBytes, to - position))];
    tasks.push({ type: 'write', path, position, buffers, sync: false });
  }
  tasks.push({ type: 'sync', path });
  return tasks;
}
