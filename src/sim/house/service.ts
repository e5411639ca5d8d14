/** What clients and checks of the house have to do with, wherever registers are kept. */
import type { ProposeOptions } from '../../member/group.ts';
import type { Change, Register } from './registers.ts';

/** A group of registers as clients and checks see it, wherever its state is. */
export interface RegisterService {
  change(change: Change, options?: ProposeOptions): Promise<Register>;
  /** Linearizable. */
  read(key: string): Promise<Register>;
  /** How often each change that has an id took effect, in this member's own state. */
  effects(): Iterable<readonly [id: string, count: number]>;
  /** What is wrong with this member's own state beside that, if anything. */
  check?(): string | undefined;
  /** The version that this member runs, and the one that is active here. */
  versions?(): { readonly own: number; readonly active: number };
}
