/** What tests do with a model. */
import { QuorateError } from '../../src/base/errors.ts';
import type { KvCommand } from '../../src/mvcc/command.ts';
import type { Model, ModelOptions } from '../../src/mvcc/model.ts';
import type { RangeRequest } from '../../src/mvcc/request.ts';
import { ModelWorld } from './model-world.ts';
import { show } from './requests.ts';

export const fresh = (options?: ModelOptions): Model => new ModelWorld(1, options).model;
export const found = (model: Model, request: RangeRequest): string[] =>
  model.range(request).kvs.map(show);

/** The code that something is refused with. */
export function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof QuorateError) return error.code;
    throw error;
  }
  return 'nothing';
}

export function apply(model: Model, ...commands: KvCommand[]): void {
  for (const command of commands) model.apply(command);
}
