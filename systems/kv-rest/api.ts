/** The HTTP interface: keys at the root, members under `/mgmt/nodes`. */
import type { Member, TypedGroup } from 'quorate';
import { type Asked, Refused, type Reply } from '../http-service/http-service.ts';
import type { kv } from './kv.ts';

type Group = TypedGroup<typeof kv>;

/** @returns what answers the requests of a member */
export function apiOf(member: Member, group: Group): (asked: Asked) => Promise<Reply> {
  return async (asked) => {
    const { method, path } = asked;
    const writes = method === 'PUT' || method === 'POST';
    if (path === '' && writes) return put(group, await asked.json());
    if (path === 'mgmt/nodes' && method === 'GET')
      return { status: 200, body: nodes(member, group) };
    const id = /^mgmt\/nodes\/(\d{1,15})$/.exec(path)?.[1];
    if (id !== undefined && method === 'PUT') return move(member, Number(id), await asked.json());
    if (id !== undefined && method === 'DELETE') {
      await member.removeMember(Number(id));
      return { status: 204 };
    }
    if (path !== '' && (method === 'GET' || method === 'HEAD')) {
      const value = await group.queries.get(path);
      if (value === undefined) throw new Refused(404, 'there is no such key');
      return { status: 200, body: value };
    }
    if (method === 'DELETE') {
      const meant = /^\d+$/.test(path) ? path : '{id}';
      throw new Refused(405, `a member is removed by DELETE /mgmt/nodes/${meant}`);
    }
    throw new Refused(405, 'PUT / with {"Key":"…","Value":"…"}, GET /{key}, or GET /mgmt/nodes');
  };
}

async function put(group: Group, { Key, Value }: Readonly<Record<string, unknown>>) {
  if (typeof Key !== 'string' || Key === '' || typeof Value !== 'string') {
    throw new Refused(400, 'the body must be {"Key":"…","Value":"…"}, both strings');
  }
  await group.commands.put({ key: Key, value: Value });
  return { status: 204 };
}

/** Roles and leadership are those in the database's own group. */
function nodes(member: Member, group: Group): object[] {
  const { configuration, leader } = group.status();
  return member.members().map(({ id, address, tags }) => ({
    ID: `${id}`,
    Address: address,
    API: tags.api ?? '',
    Role: configuration.voters.includes(id) ? 'voter' : 'learner',
    Leader: leader === id,
  }));
}

async function move(member: Member, id: number, body: Readonly<Record<string, unknown>>) {
  const { Address } = body;
  if (typeof Address !== 'string' || !/^.+:\d{1,5}$/.test(Address)) {
    throw new Refused(400, 'the body must be {"Address":"host:port"}');
  }
  await member.setMemberAddress(id, Address);
  return { status: 204 };
}
