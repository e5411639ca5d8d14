/** What clients can ask: keys and values, and Raft itself with nothing hidden. */
import type { Member, RaftEvent, TypedGroup } from 'quorate';
import type { kv } from './kv.ts';
import type { Handler, Request } from './lines.ts';

export type Group = TypedGroup<typeof kv>;

/** @param ready what there is once this member has found the others */
export function methods(
  self: string,
  ready: () => { readonly member: Member; readonly group: Group } | undefined,
): Handler {
  return async (request, more) => {
    const { method, params } = request;
    if (method === 'Raft.Ping') return { SenderID: self, Timestamp: nanoseconds() };
    const open = ready();
    if (open === undefined) throw new Error('this member is not ready yet; try again');
    const { member, group } = open;
    switch (method) {
      case 'KV.Get': {
        const value = await group.queries.get(text(params, 'key'));
        if (value === undefined) throw new Error('key not found');
        return value;
      }
      case 'KV.Put':
        await group.commands.put({ key: text(params, 'key'), value: text(params, 'value') });
        return null;
      case 'KV.Delete':
        return group.commands.delete(text(params, 'key'));
      case 'Raft.Status':
        return status(member, group);
      case 'Raft.Add': {
        const [id, endpoint] = [text(params, 'ID'), text(params, 'Endpoint')];
        await group.commands.add({ id, endpoint });
        return { ID: id, Endpoint: endpoint };
      }
      case 'Raft.Remove': {
        const name = text(params, 'ID');
        const found = member.members().find((each) => each.name === name);
        if (found === undefined) throw new Error(`there is no member ${name}`);
        await member.removeMember(found.id);
        return { ID: name };
      }
      case 'Raft.Added':
        return group.queries.added();
      case 'Raft.Events':
        return events(member, group, request, more);
    }
    throw new Error(`there is no method ${method}`);
  };
}

/** Every change from now on, until the client goes. */
async function events(
  member: Member,
  group: Group,
  request: Request,
  more: (result: unknown) => void,
): Promise<undefined> {
  const { role, term, leader } = group.leadership;
  more(named(member, { type: 'role', role, term, leader, group: group.id }));
  const stop = member.onRaft((event) => {
    if (event.group === group.id) more(named(member, event));
  });
  request.onClosed(stop);
}

function status(member: Member, group: Group) {
  const { term, commit, applied, configuration } = group.status();
  const { role, leader } = group.leadership;
  return {
    ID: nameOf(member, member.id),
    Role: role,
    Term: term,
    Leader: nameOf(member, leader),
    Commit: commit,
    Applied: applied,
    Members: member.members().map(({ id, name, address }) => ({
      ID: name,
      Endpoint: address,
      Role: configuration.voters.includes(id) ? 'voter' : 'learner',
    })),
  };
}

/** An event, its members by their names. */
export function named(member: Member, event: RaftEvent): object {
  const { group: _group, ...facts } = event;
  const names = (key: string, value: unknown): unknown => {
    if (['leader', 'candidate', 'from', 'to'].includes(key)) return nameOf(member, value as number);
    const ids = key === 'voters' || key === 'learners';
    return ids ? (value as readonly number[]).map((id) => nameOf(member, id)) : value;
  };
  return Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, names(key, value)]));
}

export function nameOf(member: Member, id: number): string {
  return member.members().find((each) => each.id === id)?.name ?? (id === 0 ? '' : `#${id}`);
}

function text(params: Request['params'], name: string): string {
  const value = Object.hasOwn(params, name) ? params[name] : undefined;
  if (typeof value === 'string' && value !== '') return value;
  throw new Error(`"${name}" must be a string that is not empty`);
}

function nanoseconds(): bigint {
  return BigInt(Date.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n);
}
