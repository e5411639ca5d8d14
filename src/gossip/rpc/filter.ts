/**
 * Filters of Serf's agent RPC: which events a stream is for, and which members a list is for.
 */
import { QuorateError } from '../../base/errors.ts';
import type { Member } from '../../swim/api.ts';
import { RegularExpression } from '../../swim/regular-expression.ts';
import { WireError } from '../../swim/wire/wire-error.ts';
import type { AgentEvent } from '../events.ts';

const memberEvents = new Set([
  'member-join',
  'member-leave',
  'member-failed',
  'member-update',
  'member-reap',
]);

/**
 * A test for what a stream asks for: kinds separated by commas, each `*`, `member-join` and its
 * like, `user`, `query`, or `user:NAME` and `query:NAME`. Undefined if a kind is not known.
 */
export function eventFilter(kinds: string): ((event: AgentEvent) => boolean) | undefined {
  const wanted = new Set<string>();
  for (const part of kinds === '' ? ['*'] : kinds.split(',')) {
    const kind = part.trim();
    const base = kind.split(':', 1)[0]!;
    const named = base !== kind;
    const known =
      base === 'user' || base === 'query' || (!named && (kind === '*' || memberEvents.has(kind)));
    if (!known) return undefined;
    wanted.add(kind);
  }
  return (event) => {
    if (wanted.has('*')) return true;
    if (event.type === 'member') return wanted.has(`member-${event.change}`);
    const base = event.type === 'user-event' ? 'user' : 'query';
    return wanted.has(base) || wanted.has(`${base}:${event.name}`);
  };
}

/** What `members-filtered` asks for; each an expression that must match as a whole. */
export interface MemberFilter {
  readonly tags: ReadonlyMap<string, string>;
  /** Empty: any. */
  readonly status: string;
  /** Empty: any. */
  readonly name: string;
}

/** The members that pass. Throws `invalid-config` for what is no regular expression. */
export function filterMembers(members: readonly Member[], filter: MemberFilter): Member[] {
  const status = filter.status === '' ? undefined : whole(filter.status);
  const name = filter.name === '' ? undefined : whole(filter.name);
  const tags = [...filter.tags].map(([tag, expression]) => ({ tag, matcher: whole(expression) }));
  return members.filter(
    (member) =>
      (status === undefined || status.matches(member.status)) &&
      (name === undefined || name.matches(member.name)) &&
      tags.every(({ tag, matcher }) => matcher.matches(member.tags.get(tag) ?? '')),
  );
}

/** Matched in linear time: a client's expression must not be able to stop the agent. */
function whole(expression: string): RegularExpression {
  try {
    return new RegularExpression(`^(?:${expression})$`);
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw new QuorateError('invalid-config', `not a regular expression: ${expression}`, { cause });
  }
}
