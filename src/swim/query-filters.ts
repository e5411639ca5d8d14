/** Whom a query is for: conditions on names and tags, all of which must hold. */
import type { QueryFilter } from './api.ts';
import { RegularExpression } from './regular-expression.ts';
import type { WireFilter } from './wire/serf-messages.ts';
import { WireError } from './wire/wire-error.ts';

/** A query's conditions, as they go over the wire. */
export function filtersOf(filter: QueryFilter | undefined): WireFilter[] {
  const filters: WireFilter[] = [];
  if (filter?.names !== undefined) filters.push({ kind: 'names', names: filter.names });
  for (const [tag, expression] of filter?.tags ?? []) {
    filters.push({ kind: 'tag', tag, expression });
  }
  return filters;
}

/** Whether a member of this name and these tags is meant. What cannot be understood means nobody. */
export function isMeant(
  filters: readonly WireFilter[],
  name: string,
  tags: ReadonlyMap<string, string>,
): boolean {
  return filters.every((filter) => {
    if (filter.kind === 'names') return filter.names.includes(name);
    if (filter.kind === 'unknown') return false;
    try {
      return new RegularExpression(filter.expression).matches(tags.get(filter.tag) ?? '');
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return false;
    }
  });
}
